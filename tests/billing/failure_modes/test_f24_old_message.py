"""F-24: the customer goes back to an old message and presses there."""

from billing.models import Order, Payment
from tests.shop import wait_for
from tests.stories.conftest import ANNA


def test_f24_an_old_message_shows_how_the_order_stands_after_it_was_paid(till):
    old = till.go_to_pay()
    till.payments.pay(notify=False)
    till.press("🔄 Check payment", then="Paid")
    for button in ("🔄 Check payment", "✖ Cancel the order"):
        till.telegram.press_as_shown(ANNA, old, button, phone="two")
        till.sees("Works until")
    assert Order.objects.get().state == Order.State.FULFILLED


def test_f24_an_old_checkout_leads_to_the_same_payment(till):
    checkout = till.go_to_checkout()
    pay = next(key["text"] for row in checkout["reply_markup"]["inline_keyboard"] for key in row)
    for _ in range(3):
        till.telegram.press_as_shown(ANNA, checkout, pay, phone="two")
        till.sees("Waiting for your payment")
    wait_for(lambda: len(till.payments.books()["payments"]) == 1)
    assert Payment.objects.count() == 1
