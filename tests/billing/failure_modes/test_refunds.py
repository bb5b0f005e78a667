"""The rows of the catalogue that are about money going back, each under its number."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.errors import NothingToRefund
from billing.models import Decision, JournalEntry, Order, Payment, PaymentEvent, ProviderAccount, Refund
from billing.providers.base import RefundReport, Said
from billing.services import credit_of, give_now, pay_from_credit, quote
from billing.services.accounts import provider_of
from billing.services.payments import apply_provider_state
from billing.services.refunds import find_refunds, give_up, import_or_apply_refund, preview_refund, work_due
from core import clock
from notifications.models import OutboxMessage
from subscriptions.models import Grant, TakeBack
from tests.factories import agree_to_all, let_pass, make_customer, make_provider_account
from tests.money import money_at, report
from tests.refunding import (
    ask_back,
    assert_books_agree,
    days_left,
    end_of,
    paid,
    posts,
    read_back,
    reread,
    sent,
    work,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
Account = JournalEntry.Account
State = Refund.State
DAY = timedelta(days=1)


def order_of(payment: Payment) -> Order:
    return Order.objects.get(pk=payment.order_id)


def refunds_there(yookassa) -> list[str]:
    return [row["status"] for row in yookassa.books()["refunds"]]


def in_the_cabinet(yookassa, payment: Payment, amount: str | None = None) -> RefundReport:
    """Refund past the shop, and return what its notice leads to."""
    made = yookassa.refund(payment.remote_id, amount)
    said: RefundReport = provider_of(payment.account).read_refund(made["id"])
    return said


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


def test_f30_a_refund_of_the_cabinet_is_booked_and_takes_the_access(yookassa):
    payment = paid(yookassa)
    said = in_the_cabinet(yookassa, payment)
    refund = import_or_apply_refund(payment.account, said, source="notice")
    assert refund.is_external and refund.state == State.SUCCEEDED
    assert (days_left(payment), order_of(payment).state) == (0, Order.State.REFUNDED)
    assert OutboxMessage.objects.filter(kind="refund_succeeded").count() == 1
    assert_books_agree(yookassa)


def test_f30_reported_by_every_channel_it_counts_once(yookassa):
    payment = paid(yookassa)
    said = in_the_cabinet(yookassa, payment, "100.00")
    for source in ("notice", "sweep", "notice"):
        import_or_apply_refund(payment.account, said, source=source)
    find_refunds(payment.pk)
    assert (Refund.objects.count(), days_left(payment)) == (1, 20)
    assert Payment.objects.get(pk=payment.pk).refunded_amount == 100
    assert_books_agree(yookassa)


def test_f30_our_own_refund_reported_before_its_answer_is_ours(yookassa):
    payment = paid(yookassa)
    refund = ask_back(payment)
    yookassa.fail("POST /v3/refunds", "lost", times=1)
    work(refund)
    find_refunds(payment.pk)
    refund = reread(refund)
    assert (refund.state, refund.is_external, Refund.objects.count()) == (State.SUCCEEDED, False, 1)


def test_f30_an_ended_try_of_ours_is_no_refund_of_the_cabinet(yookassa):
    yookassa.set(refund="canceled", refund_reason="insufficient_funds")
    refund = work(ask_back(paid(yookassa)))
    find_refunds(refund.payment_id)
    assert Refund.objects.count() == 1
    assert reread(refund).state == State.REQUESTED


def test_f30_one_that_a_lost_notice_hid_is_found_through_its_payment(
    yookassa, django_capture_on_commit_callbacks
):
    payment = paid(yookassa)
    yookassa.refund(payment.remote_id, "100.00")
    with django_capture_on_commit_callbacks() as nudges:
        read_back(payment)
    assert len(nudges) == 1
    assert find_refunds(payment.pk) == 1
    assert Payment.objects.get(pk=payment.pk).refunded_amount == 100


def test_f30_one_of_an_unknown_payment_is_put_to_staff_until_the_payment_is_known(yookassa):
    account = make_provider_account()
    payment = sent()
    yookassa.pay(payment.remote_id, notify=False)
    said = in_the_cabinet(yookassa, payment)
    Payment.objects.filter(pk=payment.pk).update(remote_id="")
    for _ in range(2):
        assert import_or_apply_refund(account, said, source="sweep") is None
    assert Decision.objects.get().kind == Decision.Kind.REFUND_UNKNOWN
    Payment.objects.filter(pk=payment.pk).update(remote_id=payment.remote_id)
    read_back(payment)
    assert import_or_apply_refund(account, said, source="sweep") is not None
    assert Decision.objects.get().state == Decision.State.DECIDED


def test_f30_one_that_comes_before_its_payment_is_booked_has_to_come_again(yookassa):
    payment = sent()
    yookassa.pay(payment.remote_id, notify=False)
    said = in_the_cabinet(yookassa, payment)
    with pytest.raises(NothingToRefund):
        import_or_apply_refund(payment.account, said, source="notice")
    read_back(payment)
    import_or_apply_refund(payment.account, said, source="notice")
    assert (days_left(payment), order_of(payment).state) == (0, Order.State.REFUNDED)
    assert_books_agree(yookassa)


def test_f30_one_that_takes_the_place_of_ours_ends_ours_before_it_is_sent(yookassa):
    payment = paid(yookassa)
    ours = ask_back(payment, 200)
    import_or_apply_refund(payment.account, in_the_cabinet(yookassa, payment, "199.33"), source="notice")
    assert reread(ours).state == State.FAILED
    assert (days_left(payment), posts(yookassa)) == (10, [])
    assert_books_agree(yookassa)


def test_f30_one_that_takes_the_place_of_ours_under_way_ends_ours_when_it_is_refused(yookassa):
    payment = paid(yookassa)
    ours = ask_back(payment, 200)
    yookassa.fail("POST /v3/refunds", "html", times=1)
    work(ours)
    import_or_apply_refund(payment.account, in_the_cabinet(yookassa, payment, "199.33"), source="notice")
    assert reread(ours).state == State.SENDING
    assert work(ours).state == State.FAILED
    assert days_left(payment) == 10
    assert_books_agree(yookassa)


def test_f30_a_whole_refund_in_the_place_of_ours_under_way_leaves_no_access(yookassa):
    payment = paid(yookassa)
    ours = ask_back(payment)
    yookassa.fail("POST /v3/refunds", "html", times=1)
    work(ours)
    yookassa.refund(payment.remote_id)
    assert work(ours).state == State.FAILED
    assert (days_left(payment), order_of(payment).state) == (0, Order.State.REFUNDED)
    assert not Decision.objects.exists()
    assert_books_agree(yookassa)


def test_f30_money_of_a_second_payment_goes_back_without_taking_access(yookassa):
    first = paid(yookassa)
    other = Payment.objects.create(
        order=first.order, account=first.account, provider="yookassa", amount=299, currency="RUB"
    )
    apply_provider_state(other.pk, report(other), source="test")
    other = Payment.objects.get(pk=other.pk)
    said = RefundReport("3296-refund", other.remote_id, Said.SUCCEEDED, Decimal(299), "RUB")
    refund = import_or_apply_refund(first.account, said, source="notice")
    assert (refund.takes_access, days_left(first), order_of(first).state) == (
        False,
        30,
        Order.State.FULFILLED,
    )
    assert money_at(Account.CREDIT) == 0


def test_f30_a_part_that_went_back_before_access_was_given_is_neither_sold_nor_forgotten(yookassa):
    payment = sent()
    Order.objects.filter(pk=payment.order_id).update(group_ids=["no such group"])
    yookassa.pay(payment.remote_id, notify=False)
    read_back(payment)
    payment = Payment.objects.get(pk=payment.pk)
    import_or_apply_refund(payment.account, in_the_cabinet(yookassa, payment, "100.00"), source="notice")
    Order.objects.filter(pk=payment.order_id).update(group_ids=[])
    assert give_now(payment.order_id, actor="schedule")
    assert (money_at(Account.PREPAID), money_at(Account.SALES)) == (0, Decimal(-199))
    assert Decision.objects.get().kind == Decision.Kind.CONTRADICTION
    assert_books_agree(yookassa)


def test_f30_credit_that_was_spent_before_the_cabinet_sent_it_back_is_put_to_staff(yookassa):
    first = paid(yookassa)
    customer = agree_to_all(first.order.payer)
    other = sent(customer)
    Payment.objects.filter(pk=other.pk).update(order=first.order)
    yookassa.pay(other.remote_id, notify=False)
    read_back(other)
    plan_id = first.order.plan_id
    pay_from_credit(customer.pk, plan_id, seen=quote(customer, plan_id).seen, actor="customer")
    import_or_apply_refund(first.account, in_the_cabinet(yookassa, other), source="notice")
    assert credit_of(customer, "RUB") == -299
    assert (
        Decision.objects.get(state="open", kind="contradiction").details["trouble"].startswith("the credit")
    )
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
