"""Notices as YooKassa sends them, made by tests themselves: what the stand-in would never send."""

import json
from typing import Any

from django.test import Client

from billing.models import Payment

ADDRESS = "/webhooks/yookassa"


def notice_of(shown: dict[str, Any], *, event: str = "") -> dict[str, Any]:
    """Return the notice that the provider sends of an object as it shows it."""
    kind = "refund" if "payment_id" in shown else "payment"
    return {"type": "notification", "event": event or f"{kind}.{shown['status']}", "object": shown}


def deliver(notice: Any, *, address: str = "127.0.0.1", **headers: str) -> int:
    """Deliver a notice as it is to our address; returns the status of the answer."""
    body = notice if isinstance(notice, bytes | str) else json.dumps(notice)
    client = Client(raise_request_exception=False, REMOTE_ADDR=address)
    return client.post(ADDRESS, body, content_type="application/json", headers=headers).status_code


def reread(payment: Payment) -> Payment:
    return Payment.objects.select_related("order").get(pk=payment.pk)
