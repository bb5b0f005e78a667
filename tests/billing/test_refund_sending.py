"""What a provider answers to a refund, what becomes of it, and what staff can do then."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing.errors import NoSuchRefund, RefundTooLarge
from billing.models import Decision, JournalEntry, Order, PaymentEvent, ProviderAccount, Refund
from billing.providers.base import RefundReport, Said
from billing.services.refunds import apply_refund_state, give_up, pay_out_by_hand, try_again, work_due
from core import clock
from core.errors import InvalidTransition
from notifications.models import OutboxMessage
from tests.money import money_at
from tests.refunding import ask_back, assert_books_agree, days_left, paid, posts, reread, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
Account = JournalEntry.Account
State = Refund.State
MINUTE = timedelta(minutes=1)


@pytest.fixture
def refund(yookassa) -> Refund:
    """All of 299, asked for and not sent yet."""
    return ask_back(paid(yookassa))


def refuse(yookassa, refund: Refund, reason: str) -> Refund:
    yookassa.set(refund="canceled", refund_reason=reason)
    return work(refund)


def wait_of(refund: Refund) -> timedelta:
    assert refund.next_try_at is not None
    return refund.next_try_at - clock.now()


def questions() -> list[tuple[str, str]]:
    return list(Decision.objects.values_list("kind", "state"))


def kinds_told() -> list[str]:
    messages = OutboxMessage.objects.filter(kind__startswith="refund_").order_by("id")
    return list(messages.values_list("kind", flat=True))


def test_a_pending_refund_is_read_back_more_and_more_seldom(yookassa, refund):
    yookassa.set(refund="pending")
    assert work(refund).state == State.PENDING
    waits = [wait_of(work(refund, sent_before=age * MINUTE)) for age in (0.4, 0.9, 4, 39, 500)]
    expected = [timedelta(minutes=minutes) for minutes in (0.1, 0.1, 1, 1, 60)]
    assert all(abs(wait - due) < timedelta(seconds=5) for wait, due in zip(waits, expected, strict=True))
    assert len(posts(yookassa)) == 1


@pytest.mark.parametrize("ending", ["succeeded", "canceled"])
def test_a_pending_refund_is_settled_by_what_is_read_back(yookassa, refund, ending):
    yookassa.set(refund="pending")
    yookassa.settle_refund(work(refund).remote_id, ending, reason="rejected_by_payee")
    refund = work(refund)
    assert refund.state == {"succeeded": State.SUCCEEDED, "canceled": State.MANUAL}[ending]
    assert refund.provider_reason == ("" if ending == "succeeded" else "rejected_by_payee")


def test_a_pending_refund_that_vanished_is_put_to_staff_and_still_looked_for(yookassa, refund):
    yookassa.set(refund="pending")
    work(refund)
    Refund.objects.update(remote_id="32961199-0015-5000-8000-000000000000")
    assert work(refund).state == State.PENDING
    assert questions() == [("missing", "open")]


def test_a_receipt_that_failed_is_put_to_staff_and_the_refund_stays(yookassa, refund):
    refund = work(refund)
    apply_refund_state(refund.pk, told(refund, is_receipt_failed=True), source="sweep")
    assert questions() == [("receipt", "open")]
    assert reread(refund).state == State.SUCCEEDED


def told(refund: Refund, said: Said = Said.SUCCEEDED, **more: object) -> RefundReport:
    plain = {
        "remote_id": refund.remote_id or "3296119f-0015-5000-8000-000000000001",
        "remote_payment_id": refund.payment.remote_id,
        "amount": refund.amount,
        "currency": refund.currency,
    }
    return RefundReport(said=said, **{**plain, **more})


@pytest.mark.parametrize(
    "wrong", [{"amount": Decimal(298)}, {"currency": "USD"}, {"remote_payment_id": "another"}]
)
def test_a_report_that_is_not_about_this_refund_is_not_believed(yookassa, refund, wrong):
    apply_refund_state(refund.pk, told(refund, **wrong), source="sweep")
    assert reread(refund).state == State.REQUESTED
    assert questions() == [("contradiction", "open")]


def test_what_succeeded_stays_so_whatever_comes_after(yookassa, refund):
    done = work(refund)
    entries = JournalEntry.objects.count()
    for said in Said:
        apply_refund_state(done.pk, told(done, said), source="notice")
    assert (reread(refund).state, JournalEntry.objects.count()) == (State.SUCCEEDED, entries)
    assert questions() == []


def test_an_unknown_word_changes_nothing_and_is_asked_about_again(yookassa, refund):
    yookassa.set(refund="pending")
    pending = work(refund)
    apply_refund_state(refund.pk, told(pending, Said.UNKNOWN), source="sweep")
    refund = reread(refund)
    assert (refund.state, refund.error) == (State.PENDING, "unknown state")
    assert wait_of(refund) > 10 * MINUTE


def test_there_is_no_such_refund(db):
    with pytest.raises(NoSuchRefund):
        pay_out_by_hand(1, reason="cash", actor="olga")


def test_a_silent_provider_costs_a_run_one_timeout(yookassa, refund):
    for amount in (50, 60):
        ask_back(paid(yookassa), amount)
    yookassa.fail("POST /v3/refunds", "lost")
    assert work_due() == 1
    assert len(posts(yookassa)) == 1


def test_a_busy_provider_is_left_alone_as_long_as_it_asks(yookassa, refund):
    yookassa.fail("POST /v3/refunds", "rate_limit", retry_after=300, times=1)
    refund = work(refund)
    assert refund.state == State.SENDING
    assert timedelta(seconds=290) < wait_of(refund) <= timedelta(seconds=300)


def test_refused_keys_close_the_account_and_the_refund_waits(yookassa, refund):
    yookassa.put_shop(secret_key="another")
    refund = work(refund)
    assert (refund.state, days_left(refund.payment)) == (State.SENDING, 0)
    assert ProviderAccount.objects.get().refused_at is not None
    yookassa.put_shop(secret_key="test_sandbox_secret")
    assert work(refund).state == State.SUCCEEDED


def test_a_defect_in_one_refund_does_not_stop_the_others(yookassa, refund):
    Refund.objects.update(currency="???")
    other = ask_back(paid(yookassa), 50)
    work_due()
    assert reread(other).state == State.SUCCEEDED


def test_staff_pay_out_what_the_provider_will_not(yookassa, refund):
    refuse(yookassa, refund, "rejected_by_payee")
    assert questions() == [("refund", "open")]
    for _ in range(2):
        pay_out_by_hand(refund.pk, reason="transfer 17", actor="olga")
    refund = reread(refund)
    assert (refund.state, refund.payment.refunded_amount) == (State.SUCCEEDED, 299)
    assert refund.payment.order.state == Order.State.REFUNDED
    assert (money_at(Account.CASH), money_at(Account.REFUNDS)) == (Decimal(-299), 0)
    assert questions() == [("refund", "decided")]
    assert PaymentEvent.objects.filter(text="paid out by hand: transfer 17").count() == 1


def test_giving_up_brings_money_access_and_order_back(yookassa, refund):
    refuse(yookassa, refund, "yoo_money_account_closed")
    for _ in range(2):
        give_up(refund.pk, reason="the customer agrees", actor="olga")
    refund = reread(refund)
    assert (refund.state, days_left(refund.payment)) == (State.FAILED, 30)
    assert refund.payment.order.state == Order.State.FULFILLED
    assert (money_at(Account.SALES), refund.payment.refunded_amount) == (Decimal(-299), 0)
    assert kinds_told() == ["refund_sent", "refund_failed"]
    assert_books_agree(yookassa)
    assert ask_back(refund.payment).state == State.REQUESTED


def test_trying_again_is_a_new_try_with_a_new_key(yookassa, refund):
    before = refuse(yookassa, refund, "rejected_by_payee")
    yookassa.set(refund="succeeded")
    for _ in range(2):
        try_again(refund.pk, reason="the bank says it works now", actor="olga")
    refund = work(refund)
    assert refund.state == State.SUCCEEDED
    assert refund.key != before.key
    assert questions() == [("refund", "decided")]
    assert_books_agree(yookassa)


@pytest.mark.parametrize("verb", [pay_out_by_hand, give_up, try_again])
def test_only_what_waits_for_staff_is_theirs_to_settle(yookassa, refund, verb):
    if verb is not try_again:
        with pytest.raises(InvalidTransition):
            verb(refund.pk, reason="impatience", actor="olga")
    refuse(yookassa, refund, "rejected_by_payee")
    with pytest.raises(ValueError):
        verb(refund.pk, reason=" ", actor="olga")
    assert reread(refund).state == State.MANUAL


def test_no_refund_is_paid_out_by_hand_after_the_money_went_back(yookassa, refund):
    refuse(yookassa, refund, "rejected_by_payee")
    Refund.objects.create(
        payment=refund.payment,
        amount=1,
        currency="RUB",
        state=State.SUCCEEDED,
        taken_from=Account.SALES,
        form_uuid=uuid.uuid4(),
    )
    with pytest.raises(RefundTooLarge):
        pay_out_by_hand(refund.pk, reason="cash", actor="olga")


def test_a_refund_given_up_that_went_through_after_all_is_booked(yookassa, refund):
    before = refuse(yookassa, refund, "rejected_by_payee")
    give_up(refund.pk, reason="the customer agrees", actor="olga")
    apply_refund_state(refund.pk, told(before), source="sweep")
    refund = reread(refund)
    assert (refund.state, days_left(refund.payment)) == (State.SUCCEEDED, 0)
    assert refund.payment.order.state == Order.State.REFUNDED
    assert (money_at(Account.REFUNDS), money_at(Account.SALES)) == (0, 0)


def test_what_a_refund_costs_in_queries(yookassa, django_assert_num_queries):
    payment = paid(yookassa)
    asks_the_clock = connection.vendor == "postgresql"
    with django_assert_num_queries(35 + 2 * asks_the_clock):
        refund = ask_back(payment)
    done = work(refund)
    with django_assert_num_queries(7):
        apply_refund_state(done.pk, told(done), source="notice")


def test_a_run_with_nothing_due_costs_two_queries(yookassa, refund, django_assert_num_queries):
    Refund.objects.update(next_try_at=clock.now() + MINUTE)
    with django_assert_num_queries(2):
        assert work_due() == 0
