"""Calls that are lost, refused, odd, slow, or of a process that dies: one payment comes of them, or none."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import Decision, Payment, Price, ProviderAccount
from billing.services import send_payment
from billing.services.calls import check_due, send_due
from billing.services.notices import work_notices
from notifications.models import OutboxMessage
from tests.billing.notices import deliver, notice_of, reread
from tests.billing.sending import (
    CREATE,
    LIST,
    charges,
    come_due,
    create_by_hand,
    die_while_sending,
    fail,
    is_given_once,
    made_at_provider,
    seconds_until,
    sent_payment,
)
from tests.factories import make_payment

State = Payment.State
HOUR = timedelta(hours=1)

UNKNOWN_OUTCOMES = {
    "reset before": {"kind": "refuse"},
    "reset after": {"kind": "lost"},
    "silence": {"kind": "hang", "seconds": 1.5},
    "silence after": {"kind": "hang", "seconds": 1.5, "after": True},
    "500": {"kind": "error", "status": 500},
    "500 but done": {"kind": "error", "status": 500, "after": True},
    "503": {"kind": "error", "status": 503},
    "html 502": {"kind": "html"},
    "html 502 but done": {"kind": "html", "after": True},
    "202": {"kind": "error", "status": 202},
    "202 but done": {"kind": "error", "status": 202, "after": True},
    "cut short": {"kind": "error", "status": 200, "body": '{"id": "2f7a1c9e-000f-5001-90', "after": True},
    "no JSON": {"kind": "error", "status": 200, "body": "OK", "after": True},
    "no status": {"kind": "error", "status": 200, "body": {"id": "2f7a1c9e-000f-5001-9000-1d2c3b4a5968"}},
}


def bodies(yookassa) -> list[dict]:
    return [call["parameters"] for call in yookassa.calls(CREATE)]


@pytest.mark.parametrize("outcome", UNKNOWN_OUTCOMES.values(), ids=UNKNOWN_OUTCOMES)
def test_f09_an_unknown_outcome_is_repeated_until_one_payment_came_of_it(account, yookassa, outcome):
    payment = make_payment()
    fail(yookassa, CREATE, times=2, **outcome)
    send_payment(payment.pk, read_seconds=0.5)
    assert reread(payment).state == State.SENDING
    assert 50 < seconds_until(reread(payment).next_try_at) <= 60
    for _ in range(2):
        come_due()
        send_payment(payment.pk, read_seconds=0.5)
    assert reread(payment).state == State.PENDING
    assert made_at_provider(yookassa, payment) == [reread(payment).remote_id]
    assert bodies(yookassa)[0] == bodies(yookassa)[1] == bodies(yookassa)[2]


def test_f09_a_provider_that_is_not_reached_is_tried_again_sooner(account, yookassa, settings):
    payment = make_payment()
    settings.YOOKASSA_API_URL = "http://127.0.0.1:9/v3"
    send_payment(payment.pk)
    assert 8 < seconds_until(reread(payment).next_try_at) <= 10
    settings.YOOKASSA_API_URL = yookassa.api_url
    come_due()
    assert send_due() == 1
    assert len(made_at_provider(yookassa, payment)) == 1


def test_f09_a_repeat_does_not_believe_the_answer_kept_from_the_first_time(account, yookassa):
    payment = make_payment()
    fail(yookassa, CREATE, kind="lost")
    send_payment(payment.pk)
    yookassa.pay(made_at_provider(yookassa, payment)[0], notify=False)
    come_due()
    send_due()
    assert is_given_once(payment)


def test_f09_a_link_that_comes_late_is_told(account, yookassa):
    payment = make_payment()
    fail(yookassa, CREATE, kind="refuse")
    send_payment(payment.pk)
    come_due()
    send_due()
    assert OutboxMessage.objects.filter(kind="payment_link", user=payment.order.payer).count() == 1


def test_a_link_that_comes_in_time_is_not_told_twice(account, yookassa):
    sent_payment()
    assert not OutboxMessage.objects.filter(kind="payment_link").exists()


@pytest.mark.parametrize("was_made", [True, False])
def test_f10_a_process_that_died_while_calling_leaves_one_payment(account, yookassa, was_made):
    payment = make_payment()
    die_while_sending(payment, yookassa, was_made=was_made)
    assert send_due() == 0, "the lease of the dead one still holds"
    Payment.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    Payment.objects.update(next_try_at=timezone.now())
    assert send_due() == 1
    assert reread(payment).state == State.PENDING
    assert made_at_provider(yookassa, payment) == [reread(payment).remote_id]


def test_f11_the_body_stays_what_it_was_when_price_and_account_change(account, yookassa):
    payment = make_payment()
    fail(yookassa, CREATE, kind="lost")
    send_payment(payment.pk)
    Price.objects.update(amount=Decimal("999"))
    ProviderAccount.objects.update(sends_receipts=True, receipt_email="shop@example.com")
    come_due()
    send_due()
    assert (reread(payment).state, reread(payment).amount) == (State.PENDING, Decimal("299"))
    assert bodies(yookassa)[0] == bodies(yookassa)[1]


def test_f11_a_key_the_provider_says_was_used_otherwise_does_not_lose_the_payment(account, yookassa):
    payment = make_payment()
    fail(yookassa, CREATE, kind="lost")
    send_payment(payment.pk)
    Payment.objects.update(request=reread(payment).request.replace("299.00", "298.00"))
    come_due()
    send_due()
    assert reread(payment).state == State.PENDING
    assert made_at_provider(yookassa, payment) == [reread(payment).remote_id]


def test_f11_what_the_provider_refuses_at_once_is_over_and_told(account, yookassa):
    payment = make_payment()
    Payment.objects.update(request=payment.request.replace("299.00", "0.00"))
    send_payment(payment.pk)
    assert reread(payment).state == State.REJECTED
    assert "invalid_request" in reread(payment).error
    assert OutboxMessage.objects.filter(kind="payment_failed").exists()
    come_due()
    assert send_due() == 0


@pytest.mark.parametrize("was_made", [True, False])
def test_f12_a_key_the_provider_has_forgotten_is_never_sent_again(account, yookassa, was_made):
    payment = make_payment()
    die_while_sending(payment, yookassa, was_made=was_made)
    come_due(ago=23 * HOUR + timedelta(minutes=1))
    yookassa.forget_calls()
    assert send_due() == 1
    assert not yookassa.calls(CREATE)
    found = reread(payment)
    assert (found.state, found.reason) == (
        (State.PENDING, "") if was_made else (State.CANCELED, "never_created")
    )


def test_f12_the_search_reads_all_pages(account, yookassa):
    payment = make_payment()
    die_while_sending(payment, yookassa, was_made=True)
    for _ in range(101):
        create_by_hand(yookassa, str(uuid.uuid4()), payment.request.replace(str(payment.key), "another"))
    come_due(ago=24 * HOUR)
    send_due()
    assert reread(payment).state == State.PENDING
    assert len(yookassa.calls(LIST)) == 2


def test_f26_money_that_is_only_held_is_captured_and_staff_hear_of_it(account, yookassa):
    payment = sent_payment()
    deliver(notice_of(yookassa.hold(payment.remote_id)))
    work_notices()
    assert is_given_once(payment)
    assert Decision.objects.get().kind == Decision.Kind.MONEY_HELD


def test_f26_a_capture_that_fails_is_tried_again(account, yookassa):
    payment = sent_payment()
    yookassa.hold(payment.remote_id, notify=False)
    fail(yookassa, "POST /v3/payments/*/capture", kind="error", status=500)
    come_due()
    check_due()
    assert (reread(payment).state, charges()) == (State.HELD, [])
    come_due()
    check_due()
    assert is_given_once(payment)
