"""How the API shows its objects. Fields without a value are left out, as there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.yookassa.state import Payment, Receipt, Refund, SavedMethod, Shop

# What the provider keeps of a payment, in thousandths; the contract's samples agree.
FEES = {"sbp": 15}
USUAL_FEE = 35


def moment(seconds: float) -> str:
    shown = datetime.fromtimestamp(seconds, UTC)
    return f"{shown:%Y-%m-%dT%H:%M:%S}.{shown.microsecond // 1000:03d}Z"


def money(kopecks: int, currency: str) -> dict[str, str]:
    return {"value": f"{kopecks // 100}.{kopecks % 100:02d}", "currency": currency}


def income(payment: Payment) -> int:
    """Give what the shop gets of a payment, in kopecks, half up."""
    kind = (payment.method or {}).get("type", "")
    return (payment.captured * (1000 - FEES.get(kind, USUAL_FEE)) + 500) // 1000


def payment_json(payment: Payment, shop: Shop, base: str) -> dict[str, Any]:
    """Show a payment as it is now; `base` is the address its pay page stands at."""
    kopecks = payment.captured if payment.status == "succeeded" else payment.amount
    is_paid = payment.status in ("succeeded", "waiting_for_capture")
    shown: dict[str, Any] = {
        "id": payment.id,
        "status": payment.status,
        "amount": money(kopecks, payment.currency),
        "income_amount": money(income(payment), payment.currency) if payment.status == "succeeded" else None,
        "description": payment.description,
        "recipient": {"account_id": payment.shop_id, "gateway_id": shop.gateway_id},
        "payment_method": payment.method,
        "captured_at": moment(payment.captured_at) if payment.captured_at is not None else None,
        "created_at": moment(payment.created_at),
        "expires_at": moment(payment.hold_until) if payment.hold_until is not None else None,
        "confirmation": confirmation_json(payment, base) if payment.status == "pending" else None,
        "test": payment.test,
        "refunded_amount": money(payment.refunded, payment.currency)
        if payment.status == "succeeded"
        else None,
        "paid": is_paid,
        "refundable": payment.status == "succeeded" and payment.refundable > 0,
        "metadata": payment.metadata,
        "merchant_customer_id": payment.merchant_customer_id,
        "cancellation_details": payment.cancellation,
        "authorization_details": payment.authorization,
        "receipt_registration": payment.receipt_registration,
    }
    return filled(shown)


def confirmation_json(payment: Payment, base: str) -> dict[str, Any] | None:
    wish = payment.confirmation
    if wish is None:
        return None
    kind, page = wish["type"], f"{base}/pay/{payment.id}"
    shown: dict[str, Any] = {"type": kind}
    if kind in ("redirect", "mobile_application"):
        shown |= {
            "return_url": wish.get("return_url"),
            "confirmation_url": page,
            "enforce": wish.get("enforce"),
        }
    elif kind == "qr":
        shown |= {"confirmation_data": page}
    elif kind == "embedded":
        shown |= {"confirmation_token": f"ct-{payment.id}"}
    return filled(shown)


def refund_json(refund: Refund) -> dict[str, Any]:
    return filled(
        {
            "id": refund.id,
            "payment_id": refund.payment_id,
            "status": refund.status,
            "cancellation_details": refund.cancellation,
            "receipt_registration": refund.receipt_registration,
            "created_at": moment(refund.created_at),
            "amount": money(refund.amount, refund.currency),
            "description": refund.description,
            "metadata": refund.metadata,
        }
    )


def method_json(method: SavedMethod, shop: Shop) -> dict[str, Any]:
    holder = {"account_id": shop.shop_id, "gateway_id": shop.gateway_id}
    return {**method.shown, "saved": True, "status": method.status, "holder": holder}


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    registered = {
        "fiscal_document_number": f"{receipt.number}",
        "fiscal_storage_number": "9288000100115785",
        "fiscal_attribute": f"{2617603921 + receipt.number}",
        "registered_at": moment(receipt.created_at),
        "fiscal_provider_id": receipt.id.removeprefix("rt-"),
    }
    return filled(
        {
            "id": receipt.id,
            "type": receipt.type,
            "payment_id": receipt.payment_id,
            "refund_id": receipt.refund_id,
            "status": receipt.status,
            **(registered if receipt.status == "succeeded" else {}),
            "items": receipt.content["items"],
            "settlements": receipt.content.get("settlements") or None,
            "tax_system_code": receipt.content.get("tax_system_code"),
            "internet": receipt.content.get("internet"),
            "timezone": receipt.content.get("timezone"),
        }
    )


def me_json(shop: Shop) -> dict[str, Any]:
    return {
        "account_id": shop.shop_id,
        "status": shop.status,
        "test": shop.test,
        "fiscalization": {"enabled": shop.fiscalization},
        "fiscalization_enabled": shop.fiscalization,
        "payment_methods": shop.payment_methods,
        "itn": shop.itn,
    }


def filled(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if value is not None}
