"""What YooKassa sends by itself. It carries no signature, so it only says what to read back.

https://yookassa.ru/developers/using-api/webhooks
"""

import json
import re
from typing import Any

from yookassa.domain.notification import WebhookNotificationFactory

from billing.providers.base import Hint
from billing.providers.yookassa.reading import OBJECT_ID, text

EVENT = re.compile(r"[a-z_]{1,20}\.[a-z_]{1,38}")
OURS = ("payment", "refund")
# The package's classes raise whatever their setters meet.
PACKAGE_ERRORS = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)


def read_notice(body: bytes) -> Hint | None:
    """Return what a notice claims; None if it is about no payment or refund.

    Raises ValueError for what YooKassa would never send.
    """
    fields = _fields(body)
    event = fields.get("event")
    if fields.get("type") != "notification" or not isinstance(event, str) or not EVENT.fullmatch(event):
        raise ValueError("not a notification")
    subject = event.partition(".")[0]
    if subject not in OURS:
        return None
    shown = _official(fields) or _raw(fields)
    is_refund = subject == "refund"
    return Hint(
        event=event,
        object_id=_id(shown, "id"),
        said=text(shown.get("status"), 40),
        remote_payment_id=_id(shown, "payment_id" if is_refund else "id"),
        is_refund=is_refund,
        key=text(_inside(shown, "metadata").get("refund_key" if is_refund else "payment_key"), 64),
        remote_account=text(_inside(shown, "recipient").get("account_id"), 64),
    )


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as odd:
        raise ValueError("not JSON") from odd
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def _official(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object as the package reads it; None where the package is stricter than the API."""
    try:
        return dict(WebhookNotificationFactory().create(fields).object)
    except PACKAGE_ERRORS:
        return None


def _raw(fields: dict[str, Any]) -> dict[str, Any]:
    shown = fields.get("object")
    if not isinstance(shown, dict):
        raise ValueError("a notification without an object")
    return shown


def _inside(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _id(fields: dict[str, Any], name: str) -> str:
    """Return an id that can stand in an address. Raises ValueError: it would reach other objects."""
    value = fields.get(name)
    if not isinstance(value, str) or not OBJECT_ID.fullmatch(value):
        raise ValueError(f"a notification without {name}")
    return value
