"""F-07: the notice is lost, and the customer presses the button."""

from billing.models import Order, Payment


def test_f07_the_check_button_asks_the_provider_and_not_more_often_than_allowed(till):
    till.go_to_pay()
    reads = f"GET /v3/payments/{Payment.objects.get().remote_id}"
    till.press("🔄 Check payment", then="Waiting for your payment")
    till.press("🔄 Check payment", then="Waiting for your payment")
    till.telegram.say(till.telegram.answers(5_001)[0]["chat"]["id"], "/payments")
    till.sees("My payments")
    assert len(till.payments.calls(reads)) == 1


def test_f07_the_check_button_finds_what_no_notice_told(till):
    till.go_to_pay()
    till.payments.pay(notify=False)
    till.press("🔄 Check payment", then="Paid")
    assert Order.objects.get().state == Order.State.FULFILLED
