"""States out of order, other money than asked, money twice, and money that nothing was given for yet."""

from decimal import Decimal

import pytest
from django.db.models import ProtectedError

from billing.models import Decision, JournalEntry, Order, Payment
from billing.providers.base import Said
from billing.services.fulfilling import alert_stuck, give_now, not_active, retry_due
from billing.services.journal import credit_of
from billing.services.orders import close_order
from billing.services.payments import apply_provider_state, import_payment
from core import clock
from notifications.models import OutboxMessage
from subscriptions.models import Grant, Subscription
from tests.factories import make_customer, make_payment, make_staff
from tests.money import money_at, report, reread

pytestmark = pytest.mark.django_db
Account = JournalEntry.Account


def paid(payment: Payment | None = None, **said_else: object) -> Payment:
    payment = payment or make_payment()
    apply_provider_state(payment.pk, report(payment, **said_else), source="test")
    return reread(payment)


def pay_again(payment: Payment) -> Payment:
    """Another payment under the key of the first: a link that was paid twice."""
    other = report(payment, remote_id="2f7a1c9e-000f-5001-9000-ffffffffffff")
    second = import_payment(payment.account, other, source="sweep")
    assert second is not None and second.pk != payment.pk
    return second


def test_f03_canceled_after_succeeded_takes_nothing_and_asks_staff():
    payment = paid()
    apply_provider_state(payment.pk, report(payment, Said.CANCELED), source="test")
    assert reread(payment).state == Payment.State.SUCCEEDED
    assert reread(payment.order).state == Order.State.FULFILLED
    assert Decision.objects.get().kind == Decision.Kind.CONTRADICTION


def test_f04_held_after_succeeded_changes_nothing():
    payment = paid()
    before = JournalEntry.objects.count()
    apply_provider_state(payment.pk, report(payment, Said.HELD), source="test")
    assert reread(payment).state == Payment.State.SUCCEEDED
    assert (JournalEntry.objects.count(), Decision.objects.count()) == (before, 0)


def test_f04_pending_after_canceled_changes_nothing():
    payment = make_payment()
    told = report(payment, Said.CANCELED)
    apply_provider_state(payment.pk, told, source="test")
    pending = report(payment, Said.PENDING, remote_id=told.remote_id)
    apply_provider_state(payment.pk, pending, source="test")
    assert reread(payment).state == Payment.State.CANCELED


@pytest.mark.parametrize(
    "other", [{"amount": Decimal("1.00")}, {"amount": Decimal(300)}, {"currency": "USD"}]
)
def test_f13_other_money_than_asked_gives_nothing_and_is_booked_for_staff(other):
    payment = paid(**other)
    assert (payment.booked_as, payment.order.state) == ("suspense", Order.State.OPEN)
    assert not Grant.objects.exists()
    assert money_at(Account.SUSPENSE, payment.received_currency) == -payment.received_amount
    assert Decision.objects.get().kind == Decision.Kind.AMOUNT_DIFFERS


def test_f13_a_second_payment_of_the_right_sum_still_pays_the_order():
    wrong = paid(amount=Decimal(1))
    right = pay_again(wrong)
    assert right.booked_as == "order"
    assert reread(wrong.order).state == Order.State.FULFILLED


def test_f16_the_second_payment_of_an_order_is_kept_as_credit():
    first = paid()
    assert pay_again(first).booked_as == "credit"
    assert Grant.objects.count() == 1
    assert credit_of(first.order.payer, "RUB") == Decimal(299)
    assert OutboxMessage.objects.filter(kind="paid_twice").count() == 1


def test_f16_two_links_to_one_closed_order_give_once():
    first = make_payment()
    close_order(first.order_id, customer_id=first.order.payer_id, actor="customer")
    paid(first)
    pay_again(reread(first))
    assert (Grant.objects.count(), Decision.objects.get().kind) == (1, Decision.Kind.SECOND_PAYMENT)


def test_f17_whoever_pays_the_link_the_orders_owner_gets_the_access():
    payment, stranger = make_payment(), make_customer()
    paid(payment)
    assert Subscription.objects.get().user == payment.order.payer
    assert not Subscription.objects.filter(user=stranger).exists()


def test_f34_what_fails_while_giving_is_tried_again_until_it_works():
    payment = make_payment()
    groups = payment.order.group_ids
    Order.objects.update(group_ids=["gone"])
    paid(payment)
    assert list(not_active(clock.now())) == [payment.order]
    assert not give_now(payment.order_id, actor="olga")
    Order.objects.update(group_ids=groups, next_try_at=clock.now())
    assert retry_due() == 1
    assert reread(payment.order).state == Order.State.FULFILLED
    assert not OutboxMessage.objects.filter(kind="refund_sent").exists()


def test_f34_given_but_not_on_a_panel_is_on_the_list_too():
    payment = paid()
    assert list(not_active(clock.now())) == [payment.order]


def test_f34_staff_are_told_once_after_five_minutes():
    make_staff(telegram_id=42)
    paid()
    assert alert_stuck() == 0
    Order.objects.update(paid_at="2026-01-01T00:00Z")
    assert (alert_stuck(), alert_stuck()) == (1, 0)
    assert OutboxMessage.objects.filter(kind="order_stuck").count() == 1


def test_f58_a_customer_with_payments_cannot_be_deleted():
    payment = paid()
    with pytest.raises(ProtectedError):
        payment.order.payer.delete()
