"""F-05: the money comes after the customer cancelled the order, or after it was closed."""

from billing.models import Order, Payment
from subscriptions.models import Grant
from tests.shop import wait_for


def cancel(till) -> None:
    till.press("✖ Cancel the order", then="Cancel order")
    till.press("✖ Yes, cancel it", then="is closed")


def test_f05_money_for_a_cancelled_order_is_honoured_by_the_sweep(till, worker):
    till.go_to_pay()
    cancel(till)
    till.payments.pay(notify=False)
    Payment.objects.update(next_try_at="2026-01-01T00:00Z")
    assert till.order(Order.State.FULFILLED).closed_at
    till.sees("Payment received, thank you!")
    assert Grant.objects.count() == 1


def test_f05_money_for_a_cancelled_order_is_honoured_by_the_check_button(till):
    till.go_to_pay()
    cancel(till)
    till.payments.pay(notify=False)
    Payment.objects.update(checked_at=None)
    till.press("🔄 Check payment", then="Paid")
    assert Order.objects.get().state == Order.State.FULFILLED


def test_f05_an_order_cancelled_and_placed_again_is_paid_once_by_each_payment(till, worker):
    till.go_to_pay()
    cancel(till)
    till.press("💳 Pay anew", then="Waiting for your payment")
    for payment in till.payments.books()["payments"]:
        till.payments.pay(payment["id"], notify=False)
    Payment.objects.update(next_try_at="2026-01-01T00:00Z")
    wait_for(lambda: Grant.objects.count() == 2, 30)
    assert set(Order.objects.values_list("state", flat=True)) == {Order.State.FULFILLED}
