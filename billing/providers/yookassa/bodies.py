"""What we send: bodies by the official package's request models, which check them as they are made."""

import json
from decimal import Decimal
from typing import Any

from django.conf import settings
from yookassa.domain.request.payment_request import PaymentRequest
from yookassa.domain.request.refund_request import RefundRequest

from billing.providers.base import Asked, Credentials
from core import money

DESCRIPTION_LENGTH = 128
REFUND_DESCRIPTION_LENGTH = 250
RETURN_URL_LENGTH = 2048
LOCALES = {"ru": "ru_RU"}
OTHER_LOCALE = "en_US"


def payment_body(asked: Asked, credentials: Credentials) -> str:
    """Return the body that creates the payment, the same for the same arguments.

    One stage: the money is taken at once, never only held. Raises ValueError for what YooKassa forbids.
    """
    if not 0 < len(asked.return_url) <= RETURN_URL_LENGTH:
        raise ValueError(f"a return address has 1 to {RETURN_URL_LENGTH} characters")
    fields: dict[str, Any] = {
        "amount": _amount(asked.amount, asked.currency),
        "capture": True,
        "confirmation": {
            "type": "redirect",
            "return_url": asked.return_url,
            "locale": LOCALES.get(asked.language, OTHER_LOCALE),
        },
        "description": asked.description[:DESCRIPTION_LENGTH],
        "metadata": {"order_id": str(asked.order_id), "payment_key": asked.key, **_marker()},
    }
    if credentials.sends_receipts:
        email = asked.receipt_email or credentials.receipt_email
        fields["receipt"] = _receipt(asked.amount, asked.currency, asked.description, email, credentials)
    return _written(PaymentRequest(fields), fields["amount"])


def refund_body(
    *,
    key: str,
    remote_payment_id: str,
    amount: Decimal,
    currency: str,
    description: str,
    credentials: Credentials,
    receipt_email: str,
    item: str,
) -> str:
    """Return the body that sends money back, the same for the same arguments. Raises ValueError likewise."""
    fields: dict[str, Any] = {
        "payment_id": remote_payment_id,
        "amount": _amount(amount, currency),
        "description": description[:REFUND_DESCRIPTION_LENGTH],
        "metadata": {"refund_key": key, **_marker()},
    }
    if credentials.sends_receipts:
        email = receipt_email or credentials.receipt_email
        fields["receipt"] = _receipt(amount, currency, item or description, email, credentials)
    return _written(RefundRequest(fields), fields["amount"])


def _marker() -> dict[str, str]:
    """What tells staff, in the merchant's cabinet, which installation a payment came from."""
    return {"shop": str(settings.INSTALLATION_ID)}


def _amount(amount: Decimal, currency: str) -> dict[str, str]:
    return {"value": f"{money.exact(amount, currency):f}", "currency": currency}


def _receipt(
    amount: Decimal, currency: str, item: str, email: str, credentials: Credentials
) -> dict[str, Any]:
    """One item at the price that is paid, so that the sums cannot differ.

    https://yookassa.ru/developers/payment-acceptance/receipts/54fz/yoomoney/parameters-values
    """
    if not email:
        raise ValueError("a receipt needs an e-mail address")
    return {
        "customer": {"email": email},
        "items": [
            {
                "description": item[:DESCRIPTION_LENGTH],
                "quantity": 1,
                "amount": _amount(amount, currency),
                "vat_code": credentials.vat_code,
                "payment_subject": "service",
                "payment_mode": "full_payment",
                "measure": "piece",
            }
        ],
        "internet": True,
    }


def _written(request: PaymentRequest | RefundRequest, amount: dict[str, str]) -> str:
    """Return the request as text, without the empty lists the package adds.

    The package takes amounts through float, so what came out is compared with what went in.
    """
    request.validate()
    fields = {name: value for name, value in dict(request).items() if value != []}
    if fields["amount"] != amount:
        raise ValueError(f"the amount {amount['value']} was changed to {fields['amount']['value']}")
    return json.dumps(fields, sort_keys=False, ensure_ascii=False, separators=(",", ":"))
