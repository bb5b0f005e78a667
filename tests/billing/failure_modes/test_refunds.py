"""The rows of the catalogue that are about money going back, each under its number."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import Decision, JournalEntry, Order, Payment, PaymentEvent, ProviderAccount, Refund
from billing.services.refunds import find_refunds, give_up, import_or_apply_refund, preview_refund, work_due
from core import clock
from subscriptions.models import Grant, TakeBack
from tests.factories import let_pass, make_customer, make_provider_account
from tests.money import money_at
from tests.refunding import (
    ask_back,
    assert_books_agree,
    days_left,
    end_of,
    in_the_cabinet,
    order_of,
    paid,
    posts,
    read_back,
    refunds_there,
    reread,
    work,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
Account = JournalEntry.Account
State = Refund.State
DAY = timedelta(days=1)


def test_f27_each_partial_refund_takes_its_share_and_no_more(yookassa):
    payment = paid(yookassa)
    for days, amount in ((20, "99.66"), (10, "99.66"), (0, "99.68")):
        assert work(ask_back(payment, amount)).state == State.SUCCEEDED
        assert days_left(payment) == days
    assert order_of(payment).state == Order.State.REFUNDED
    assert_books_agree(yookassa)


def test_f27_partial_refunds_of_the_cabinet_take_their_shares_too(yookassa):
    payment = paid(yookassa)
    for days, amount in ((20, "99.67"), (10, "99.67"), (0, "99.66")):
        said = in_the_cabinet(yookassa, payment, amount)
        import_or_apply_refund(payment.account, said, source="notice")
        assert days_left(payment) == days
    assert order_of(payment).state == Order.State.REFUNDED
    assert_books_agree(yookassa)


def test_f28_a_passing_reason_is_tried_anew_with_another_key_after_growing_pauses(yookassa):
    yookassa.set(refund="canceled", refund_reason="insufficient_funds")
    refund, pauses = ask_back(paid(yookassa)), []
    for _ in range(6):
        refund = work(refund)
        pauses.append(refund.next_try_at and refund.next_try_at - clock.now())
    assert pauses[-1] is None and refund.state == State.MANUAL
    assert pauses[:-1] == sorted(pauses[:-1])
    assert (len(posts(yookassa)), len({post["headers"]["Idempotence-Key"] for post in posts(yookassa)})) == (
        6,
        6,
    )
    assert money_at(Account.REFUNDS) == Decimal(-299)


def test_f28_a_passing_reason_that_passed_ends_well(yookassa):
    yookassa.set(refund="canceled", refund_reason="rejected_by_timeout")
    refund = work(ask_back(paid(yookassa)))
    assert (refund.state, refund.tries) == (State.REQUESTED, 1)
    yookassa.set(refund="succeeded")
    assert work(refund).state == State.SUCCEEDED
    assert_books_agree(yookassa)


@pytest.mark.parametrize(
    ("reason", "tries"), [("general_decline", 2), ("rejected_by_payee", 1), ("yoo_money_account_closed", 1)]
)
def test_f28_a_final_reason_waits_for_staff_who_are_asked_once(yookassa, reason, tries):
    yookassa.set(refund="canceled", refund_reason=reason)
    refund = ask_back(paid(yookassa))
    for _ in range(4):
        refund = work(refund)
    assert (refund.state, refund.provider_reason, len(posts(yookassa))) == (State.MANUAL, reason, tries)
    assert Decision.objects.get().kind == Decision.Kind.REFUND_BY_HAND
    assert days_left(refund.payment) == 0


def test_f28_pending_is_not_done(yookassa):
    yookassa.set(refund="pending")
    refund = work(ask_back(paid(yookassa)))
    assert (refund.state, refund.payment.refunded_amount) == (State.PENDING, 0)
    assert order_of(refund.payment).state == Order.State.FULFILLED
    yookassa.settle_refund(refund.remote_id, "succeeded")
    assert work(refund).state == State.SUCCEEDED
    assert_books_agree(yookassa)


FAULTS = [
    {"kind": "lost"},
    {"kind": "html"},
    {"kind": "error", "status": 500},
    {"kind": "error", "status": 500, "after": True},
    {"kind": "error", "status": 202},
    {"kind": "refuse"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
def test_f29_an_unknown_outcome_is_repeated_with_the_same_key_and_body(yookassa, fault):
    refund = ask_back(paid(yookassa))
    yookassa.fail("POST /v3/refunds", times=2, **fault)
    for state in (State.SENDING, State.SENDING, State.SUCCEEDED):
        refund = work(refund)
        assert refund.state == state
    first, second, third = posts(yookassa)
    assert first["parameters"] == second["parameters"] == third["parameters"]
    assert first["headers"] == second["headers"] == third["headers"]
    assert refunds_there(yookassa) == ["succeeded"]
    assert_books_agree(yookassa)


def test_f29_it_is_repeated_about_once_a_minute(yookassa):
    refund = ask_back(paid(yookassa))
    yookassa.fail("POST /v3/refunds", "lost")
    refund = work(refund)
    assert timedelta(seconds=50) < refund.next_try_at - clock.now() <= timedelta(seconds=60)
    assert work_due() == 0


@pytest.mark.parametrize("kind", ["lost", "html"])
def test_f29_a_spent_key_is_looked_for_before_anything_new(yookassa, kind):
    """The one was carried out and the other not: `lost` after the work, `html` before it."""
    refund = ask_back(paid(yookassa))
    yookassa.fail("POST /v3/refunds", kind, times=1)
    before = work(refund)
    yookassa.advance(25 * 3600)
    refund = work(before, sent_before=timedelta(hours=23, minutes=1))
    assert (refund.state, refund.key == before.key) == (State.SUCCEEDED, kind == "lost")
    assert refunds_there(yookassa) == ["succeeded"]
    assert_books_agree(yookassa)


def test_f29_nothing_new_begins_while_the_books_cannot_be_read(yookassa):
    refund = ask_back(paid(yookassa))
    yookassa.fail("POST /v3/refunds", "lost", times=1)
    work(refund)
    yookassa.fail("GET /v3/refunds", "html", times=1)
    refund = work(refund, sent_before=timedelta(hours=24))
    assert (refund.state, len(posts(yookassa))) == (State.SENDING, 1)
    assert work(refund, sent_before=timedelta(hours=24)).state == State.SUCCEEDED
    assert refunds_there(yookassa) == ["succeeded"]


def test_f29_a_crash_between_call_and_commit_pays_once(yookassa):
    refund = ask_back(paid(yookassa))
    yookassa.fail("POST /v3/refunds", "lost", times=1)
    work(refund)
    # The process died with the lease: the row says SENDING, and the lease has run out.
    Refund.objects.update(claim_token=uuid.uuid4(), claimed_until=clock.now() - timedelta(seconds=1))
    assert work(refund).state == State.SUCCEEDED
    assert refunds_there(yookassa) == ["succeeded"]


def test_f29_a_refused_repeat_is_settled_by_the_books(yookassa):
    """The first call paid and its answer was lost; the repeat is refused for whatever reason."""
    refund = ask_back(paid(yookassa))
    yookassa.fail("POST /v3/refunds", "lost", times=1)
    work(refund)
    body = {"type": "error", "code": "invalid_request", "description": "no"}
    yookassa.fail("POST /v3/refunds", "error", status=400, body=body, times=1)
    assert work(refund).state == State.SUCCEEDED
    assert not Decision.objects.exists()
    assert_books_agree(yookassa)


def test_f31_a_consumed_subscription_is_worth_nothing_and_access_goes_first(yookassa):
    payment = paid(yookassa)
    let_pass(end_of(payment), days=29)
    assert preview_refund(payment.pk).unused_amount < 10
    ask_back(payment, 9)
    assert days_left(payment) < 1
    assert posts(yookassa) == []


def test_f31_access_comes_back_if_the_refund_finally_fails(yookassa):
    payment = paid(yookassa)
    let_pass(end_of(payment), days=10)
    yookassa.set(refund="canceled", refund_reason="rejected_by_payee")
    refund = work(ask_back(payment, 100))
    assert days_left(payment) == 10
    give_up(refund.pk, reason="no way to pay", actor="olga")
    assert days_left(payment) == 20
    assert TakeBack.objects.get().state == TakeBack.State.GIVEN_BACK


def test_f32_only_the_time_of_the_refunded_order_goes(yookassa):
    customer = make_customer()
    first, second = paid(yookassa, customer), paid(yookassa, customer, plan="quarter")
    let_pass(end_of(first), days=10)
    before = days_left(first)
    assert preview_refund(first.pk).seconds <= 20 * 86_400
    work(ask_back(first))
    assert days_left(first) == before - 20
    assert Grant.objects.get(source=second.order.source).take_backs.count() == 0
    assert preview_refund(second.pk).unused_amount >= second.amount - 1  # a second of it may have passed


def test_f33_money_that_went_back_unseen_shows_in_the_payment_and_is_never_deleted(yookassa):
    """There is no event for it: the payment's own refunded sum is what gives it away."""
    payment = paid(yookassa)
    yookassa.refund(payment.remote_id)
    read_back(payment)
    find_refunds(payment.pk)
    assert Payment.objects.get(pk=payment.pk).refunded_amount == 299
    assert PaymentEvent.objects.filter(payment=payment, text="refunded").exists()
    assert Grant.objects.filter(source=payment.order.source).exists()
    assert_books_agree(yookassa)


@pytest.fixture
def with_receipts(yookassa) -> ProviderAccount:
    yookassa.put_shop(fiscalization=True)
    return make_provider_account(sends_receipts=True, receipt_email="shop@example.com")


def test_f48_a_refund_has_a_receipt_of_its_own(yookassa, with_receipts):
    payment = paid(yookassa)
    assert work(ask_back(payment, "99.67")).state == State.SUCCEEDED
    receipt = posts(yookassa)[0]["parameters"]["receipt"]
    assert receipt["items"][0]["amount"] == {"value": "99.67", "currency": "RUB"}
    assert receipt["items"][0]["payment_subject"] == "service"


def test_f48_without_an_address_for_the_receipt_the_refund_waits_for_staff(yookassa, with_receipts):
    payment = paid(yookassa)
    ProviderAccount.objects.update(receipt_email="")
    refund = work(ask_back(payment))
    assert (refund.state, posts(yookassa)) == (State.MANUAL, [])
    assert "e-mail" in Decision.objects.get().details["why"]


def test_f48_a_receipt_that_failed_is_put_to_staff_and_the_money_stays_where_it_went(yookassa, with_receipts):
    refund = work(ask_back(paid(yookassa)))
    yookassa.set(receipt="canceled")
    yookassa.advance(60)
    find_refunds(refund.payment_id)
    assert Decision.objects.get().kind == Decision.Kind.RECEIPT_FAILED
    assert reread(refund).state == State.SUCCEEDED
