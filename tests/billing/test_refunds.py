"""Money asked back: access first, then the provider, and whatever it answers."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.errors import NotEnoughCredit, NothingToRefund, RefundNotWhole, RefundTooLarge
from billing.models import JournalEntry, Order, Payment, PaymentEvent, Refund
from billing.services import book_by_hand, give_now, pay_from_credit, preview_refund, quote
from billing.services.journal import credit_of
from billing.services.manual import Method
from billing.services.payments import apply_provider_state
from billing.services.refunds import give_up, work_due
from core import clock
from core.errors import InvalidTransition
from notifications import services as notifications
from notifications.models import OutboxMessage
from subscriptions.models import Grant, Plan
from tests.factories import agree_to_all, let_pass, make_customer
from tests.money import money_at, report
from tests.refunding import ask_back, assert_books_agree, days_left, end_of, paid, reread, sent, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
Account = JournalEntry.Account
State = Refund.State


def order_of(payment: Payment) -> Order:
    return Order.objects.get(pk=payment.order_id)


def told(payment: Payment) -> list[str]:
    """What the payer hears of refunds, rendered as it would be sent now."""
    messages = OutboxMessage.objects.filter(user=payment.order.payer, kind__startswith="refund_").order_by(
        "id"
    )
    rendered = [(message.kind, notifications.render(message)) for message in messages]
    return [f"{kind}: {said.text}" for kind, said in rendered if said is not None]


def test_access_is_shortened_before_the_provider_hears_of_it(yookassa):
    payment = paid(yookassa)
    ask_back(payment)
    assert days_left(payment) == 0
    assert yookassa.books()["refunds"] == []
    assert (money_at(Account.SALES), money_at(Account.REFUNDS)) == (0, Decimal(-299))
    assert order_of(payment).state == Order.State.FULFILLED
    assert len(told(payment)) == 1 and told(payment)[0].startswith("refund_sent")


def test_a_refund_that_succeeds_is_booked_and_told_once(yookassa):
    payment = paid(yookassa)
    refund = work(ask_back(payment))
    assert (refund.state, refund.payment.refunded_amount) == (State.SUCCEEDED, 299)
    assert order_of(payment).state == Order.State.REFUNDED
    assert money_at(Account.SALES) == 0
    assert_books_agree(yookassa)
    assert [line.split(":")[0] for line in told(payment)] == ["refund_succeeded"]
    assert "299" in told(payment)[0]
    work(refund)
    assert len(yookassa.calls("POST /v3/refunds")) == 1


def test_one_form_refunds_once(yookassa):
    payment, form = paid(yookassa), uuid.uuid4()
    first = ask_back(payment, 100, form_uuid=form)
    assert ask_back(payment, 100, form_uuid=form) == first
    assert Refund.objects.count() == 1
    with pytest.raises(InvalidTransition, match="100"):
        ask_back(payment, 50, form_uuid=form)


def test_no_more_goes_back_than_came_in(yookassa):
    payment = paid(yookassa)
    ask_back(payment, 200)
    with pytest.raises(RefundTooLarge):
        ask_back(payment, "99.01")
    ask_back(payment, 99)
    with pytest.raises(NothingToRefund):
        ask_back(payment, "0.01")
    assert Refund.objects.count() == 2


@pytest.mark.parametrize("wrong", [{"reason": " "}, {"amount": "0"}, {"amount": "-1"}, {"amount": "1.001"}])
def test_what_cannot_be_asked_changes_nothing(yookassa, wrong):
    payment = paid(yookassa)
    with pytest.raises(ValueError):
        ask_back(payment, **wrong)
    assert (Refund.objects.count(), days_left(payment)) == (0, 30)


def test_a_payment_that_did_not_come_has_nothing_to_refund(yookassa):
    payment = sent()
    for ask in (lambda: ask_back(payment), lambda: preview_refund(payment.pk)):
        with pytest.raises(NothingToRefund):
            ask()


def test_a_part_of_the_price_takes_the_same_part_of_the_time(yookassa):
    payment = paid(yookassa)
    before = preview_refund(payment.pk, amount=Decimal("149.50"))
    ask_back(payment, "149.50")
    assert days_left(payment) == 15
    assert end_of(payment).expires_at == before.ends_after
    assert before.seconds == 15 * 86_400
    assert order_of(payment).state == Order.State.FULFILLED


def test_the_unused_part_is_proposed_and_takes_all_that_is_unused(yookassa):
    payment = paid(yookassa)
    let_pass(end_of(payment), days=20)
    proposed = preview_refund(payment.pk)
    assert Decimal("99.66") <= proposed.unused_amount <= Decimal("99.67")
    ask_back(payment, proposed.unused_amount)
    assert end_of(payment).expires_at <= clock.now()
    assert preview_refund(payment.pk).amount_left == 299 - proposed.unused_amount


def test_nothing_is_proposed_for_time_that_is_used_up(yookassa):
    payment = paid(yookassa)
    let_pass(end_of(payment), days=31)
    proposed = preview_refund(payment.pk)
    assert (proposed.unused_amount, proposed.seconds, proposed.amount_left) == (0, 0, 299)


def test_access_stays_where_staff_leave_it(yookassa):
    payment = paid(yookassa)
    refund = work(ask_back(payment, takes_access=False))
    assert (refund.state, days_left(payment)) == (State.SUCCEEDED, 30)


def test_the_window_is_shown_and_staff_may_go_past_it(yookassa):
    payment = paid(yookassa)
    assert preview_refund(payment.pk).is_within_window
    Payment.objects.update(succeeded_at=clock.now() - timedelta(days=15))
    assert not preview_refund(payment.pk).is_within_window
    assert work(ask_back(payment)).state == State.SUCCEEDED


def test_money_taken_by_hand_waits_until_it_is_paid_out_by_hand():
    customer = make_customer()
    month = Plan.objects.get(code="month")
    terms = {"plan_id": month.pk, "amount": Decimal(250), "currency": "RUB", "method": Method.CASH}
    order = book_by_hand(customer.pk, **terms, reason="cash", form_uuid=uuid.uuid4(), actor="olga")
    payment = order.payments.get()
    refund = ask_back(payment, 250)
    assert (refund.state, days_left(payment)) == (State.MANUAL, 0)
    assert work_due() == 0


def paid_twice(yookassa) -> Payment:
    """A second payment of 299 for an order that was paid: it is the customer's credit."""
    first = paid(yookassa)
    second = Payment.objects.create(
        order=first.order, account=first.account, provider="yookassa", amount=299, currency="RUB"
    )
    apply_provider_state(second.pk, report(second), source="test")
    return Payment.objects.get(pk=second.pk)


def buy_from_credit(payment: Payment) -> Order:
    customer = agree_to_all(payment.order.payer)
    plan_id = Plan.objects.get(code="month").pk
    seen = quote(customer, plan_id).seen
    return pay_from_credit(customer.pk, plan_id, seen=seen, actor="customer")


def test_what_was_paid_from_credit_is_credit_again_at_once(yookassa):
    order = buy_from_credit(paid_twice(yookassa))
    assert credit_of(order.payer, "RUB") == 0
    refund = ask_back(order.payments.get())
    assert (refund.state, credit_of(order.payer, "RUB")) == (State.SUCCEEDED, 299)
    assert money_at(Account.REFUNDS) == 0
    assert Order.objects.get(pk=order.pk).state == Order.State.REFUNDED


def test_credit_that_is_spent_cannot_go_back(yookassa):
    second = paid_twice(yookassa)
    buy_from_credit(second)
    with pytest.raises(NotEnoughCredit):
        ask_back(second)
    assert Refund.objects.count() == 0


def test_a_second_payment_goes_back_without_touching_order_or_access(yookassa):
    second = paid_twice(yookassa)
    ask_back(second)
    assert credit_of(second.order.payer, "RUB") == 0
    assert (order_of(second).state, days_left(second)) == (Order.State.FULFILLED, 30)


@pytest.fixture
def not_given(yookassa) -> Payment:
    """Paid, but what was bought could not be given yet."""
    payment = sent()
    Order.objects.filter(pk=payment.order_id).update(group_ids=["no such group"])
    yookassa.pay(payment.remote_id, notify=False)
    apply_provider_state(payment.pk, report(payment), source="test")
    assert order_of(payment).state == Order.State.PAID
    return Payment.objects.get(pk=payment.pk)


def mend(payment: Payment) -> None:
    Order.objects.filter(pk=payment.order_id).update(group_ids=[])


def test_what_is_not_given_yet_goes_back_in_whole_and_is_not_given_any_more(not_given):
    with pytest.raises(RefundNotWhole):
        ask_back(not_given, 100)
    refund = ask_back(not_given)
    assert order_of(not_given).state == Order.State.REFUNDED
    mend(not_given)
    assert not give_now(not_given.order_id, actor="schedule")
    assert work(refund).state == State.SUCCEEDED
    assert not Grant.objects.exists()
    assert money_at(Account.PREPAID) == 0


def test_what_was_not_given_is_given_after_all_when_its_refund_fails(not_given, yookassa):
    yookassa.set(refund="canceled", refund_reason="rejected_by_payee")
    refund = work(ask_back(not_given))
    mend(not_given)
    give_up(refund.pk, reason="cannot be paid out", actor="olga")
    assert order_of(not_given).state == Order.State.PAID
    assert give_now(not_given.order_id, actor="schedule")
    assert (money_at(Account.PREPAID), money_at(Account.SALES)) == (0, Decimal(-299))


def test_the_timeline_says_what_happened(yookassa):
    payment = paid(yookassa)
    work(ask_back(payment))
    lines = PaymentEvent.objects.filter(payment=payment).values_list("kind", "text")
    assert list(lines)[-3:] == [("refund", "requested"), ("sent", "refund"), ("refund", "refunded")]


def test_a_refund_under_a_live_lease_is_left_alone(yookassa):
    refund = ask_back(paid(yookassa))
    Refund.objects.update(claim_token=uuid.uuid4(), claimed_until=clock.now() + timedelta(seconds=40))
    assert work_due() == 0
    assert reread(refund).state == State.REQUESTED
