"""Forged notices of seven kinds, in the proof seven hundred: nothing is given for any of them."""

import json
import uuid
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from billing.models import JournalEntry, Notice, Order, Payment
from billing.services import send_payment
from billing.services.notices import work_notices
from core.services import claim_installation
from subscriptions.models import Grant
from tests.factories import make_payment

pytestmark = pytest.mark.django_db
URL = "/webhooks/yookassa"


@pytest.fixture
def payment(yookassa, settings) -> Payment:
    claim_installation()
    payment = make_payment()
    send_payment(payment.pk)
    payment.refresh_from_db()
    return payment


def success(payment: Payment, **changes: object) -> dict[str, object]:
    """What YooKassa would say if the payment had succeeded; it has not."""
    thing = {
        "id": payment.remote_id,
        "status": "succeeded",
        "paid": True,
        "amount": {"value": "299.00", "currency": "RUB"},
        "recipient": {"account_id": "100500", "gateway_id": "1"},
        "metadata": {"payment_key": str(payment.key), "order_id": str(payment.order_id)},
        "created_at": "2026-11-22T10:00:00.000Z",
        "test": True,
        "refundable": True,
        **changes,
    }
    return {"type": "notification", "event": "payment.succeeded", "object": thing}


def unknown_id(payment: Payment, number: int) -> dict[str, object]:
    return success(payment, id=f"2f7a1c9e-000f-5001-9000-{number:012}")


def another_shop(payment: Payment, number: int) -> dict[str, object]:
    return success(payment, id=str(uuid.uuid4()), recipient={"account_id": "666", "gateway_id": "1"})


def refund_of_nothing(payment: Payment, number: int) -> dict[str, object]:
    thing = {
        "id": str(uuid.uuid4()),
        "payment_id": payment.remote_id,
        "status": "succeeded",
        "amount": {"value": "299.00", "currency": "RUB"},
        "created_at": "2026-11-22T10:00:00.000Z",
    }
    return {"type": "notification", "event": "refund.succeeded", "object": thing}


KINDS = {
    "a success that is none": lambda payment, number: success(payment, captured_at=f"2026-{number}"),
    "a payment nobody made": unknown_id,
    "another shop's payment": another_shop,
    "a price of one kopeck": lambda payment, number: success(
        payment, amount={"value": "0.01", "currency": "RUB"}, id=str(uuid.uuid4())
    ),
    "a live payment": lambda payment, number: success(payment, test=False, id=str(uuid.uuid4())),
    "a refund of nothing": refund_of_nothing,
    "our key under a new id": lambda payment, number: success(payment, id=str(uuid.uuid4()), paid=1),
}


@pytest.mark.parametrize("each", [10, pytest.param(100, marks=pytest.mark.proof)])
@pytest.mark.parametrize("kind", KINDS)
def test_forged_notices_of_a_kind_give_nothing(kind, each, payment, client):
    for number in range(each):
        body = json.dumps(KINDS[kind](payment, number))
        answer = client.post(URL, body, content_type="application/json", REMOTE_ADDR="127.0.0.1")
        assert answer.status_code == 200
    for _ in range(2):  # once as they come, once when the patience with them is over
        work_notices()
        Notice.objects.update(next_try_at=None, received_at=timezone.now() - timedelta(minutes=11))
        work_notices()
    assert not Notice.objects.filter(state=Notice.State.RECEIVED).exists()
    assert not (Grant.objects.exists() or JournalEntry.objects.exists())
    assert Order.objects.get().state == Order.State.OPEN
    assert Payment.objects.get().state == Payment.State.PENDING


@pytest.mark.parametrize("address", ["8.8.8.8", "185.71.78.1", "2a02:5180:ffff::1", "not an address"])
def test_a_notice_from_elsewhere_is_refused_and_not_even_stored(address, payment, client, settings):
    settings.YOOKASSA_NOTICE_ADDRESSES = [ip_network("185.71.76.0/27"), ip_network("2a02:5180:0:1509::/64")]
    body = json.dumps(success(payment))
    answer = client.post(URL, body, content_type="application/json", REMOTE_ADDR=address)
    assert (answer.status_code, Notice.objects.count()) == (403, 0)
