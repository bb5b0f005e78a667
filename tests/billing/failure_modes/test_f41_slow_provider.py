"""F-41: the provider is slow while a customer waits in the chat."""

import time

from billing.models import Payment
from tests.shop import wait_for
from tests.stories.conftest import ANNA


def test_f41_the_press_is_answered_at_once_and_a_late_link_comes_as_a_message(till, worker):
    till.go_to_checkout()
    till.payments.fail("POST /v3/payments", "hang", seconds=12, times=1)
    began = time.monotonic()
    pressed = till.tap("💳 Pay")
    wait_for(lambda: till.telegram.emu("GET", f"callbacks/{pressed['callback_query_id']}")["answered"], 2)
    till.sees("Your link is being prepared")
    assert time.monotonic() - began < 6, "who waits is told so, long before the provider answers or gives up"
    wait_for(lambda: Payment.objects.exclude(error="").exists())
    Payment.objects.update(next_try_at="2026-01-01T00:00Z")
    till.sees("Your payment link is ready")
    assert len(till.payments.books()["payments"]) == 1


def test_f41_a_slow_answer_within_the_wait_is_shown_in_place(till):
    till.go_to_checkout()
    till.payments.fail("POST /v3/payments", "delay", seconds=3, times=1)
    till.press("💳 Pay", then="Waiting for your payment")
    assert len(till.telegram.answers(ANNA)) == 1
