"""F-36: the plan or its price changes between the link and the money."""

from datetime import timedelta
from decimal import Decimal

from billing.models import Order, Price
from subscriptions.models import Plan, Subscription


def test_f36_what_is_given_is_what_was_ordered(till):
    till.go_to_pay()
    Price.objects.update(amount=999)
    Plan.objects.filter(code="month").update(
        days=3, devices=1, traffic_limit=1, traffic_reset="monthly", carries_over=False, is_open=False
    )
    till.payments.pay(notify=False)
    till.press("🔄 Check payment", then="Paid")
    order, subscription = Order.objects.get(), Subscription.objects.get()
    assert order.state == Order.State.FULFILLED and order.amount == Decimal(299)
    assert subscription.expires_at - order.fulfilled_at > timedelta(days=29)
    assert (subscription.traffic_reset, subscription.carries_over) == ("renewal", True)
    assert (subscription.access.traffic_limit, subscription.resets_at) == (0, None)


def test_f36_the_link_still_asks_for_the_price_that_was_shown(till):
    till.go_to_pay()
    Price.objects.update(amount=999)
    (payment,) = till.payments.books()["payments"]
    assert Decimal(payment["value"]) == Decimal(299)
    assert "299" in till.press("🔄 Check payment", then="Waiting for your payment")["text"]
