"""Reads and checks what a shop asks for, as strictly as the API. Each refusal names the parameter."""

from __future__ import annotations

import re
from typing import Any

from sandbox.yookassa.errors import invalid
from sandbox.yookassa.receipts import check_receipt
from sandbox.yookassa.state import METHODS, Shop

CURRENCY = "RUB"
# In roubles: https://yookassa.ru/developers/payment-acceptance/getting-started/payment-methods
LIMITS = {"bank_card": 350_000, "sbp": 700_000, "sberbank": 700_000, "tinkoff_bank": 700_000}
USUAL_LIMIT = 700_000
# How many days a hold lasts; methods that are missing cannot hold.
HOLD_DAYS = {"bank_card": 7, "yoo_money": 7, "sberbank": 5, "tinkoff_bank": 7}
CONFIRMATIONS = ("redirect", "embedded", "external", "qr", "mobile_application")
RETURN_URL_LENGTH = 2048
DESCRIPTION_LENGTH = 128
REFUND_DESCRIPTION_LENGTH = 250
CUSTOMER_LENGTH = 200
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 16, 32, 512
WAYS = ("payment_method_data", "payment_method_id", "payment_token")

Fields = dict[str, Any]


def read_amount(fields: Fields, parameter: str = "amount") -> int:
    """Give an amount in kopecks. Raises ApiError (400)."""
    amount = fields.get(parameter)
    if not isinstance(amount, dict):
        raise invalid("Amount is missing", parameter)
    value, currency = amount.get("value"), amount.get("currency")
    if not isinstance(value, str) or re.fullmatch(r"\d{1,12}\.\d{2}", value) is None:
        raise invalid("Incorrect amount value: a string with two decimals is expected", f"{parameter}.value")
    if currency != CURRENCY:
        raise invalid(f"Currency {currency!r} is not supported", f"{parameter}.currency")
    kopecks = int(value.replace(".", ""))
    if kopecks <= 0:
        raise invalid("Amount must be greater than zero", f"{parameter}.value")
    return kopecks


def check_limits(kopecks: int, method: str | None) -> None:
    """Raise ApiError (400) for a sum the method, or every method, would refuse."""
    limit = LIMITS.get(method or "", USUAL_LIMIT)
    if not 100 <= kopecks <= limit * 100:
        raise invalid(f"Amount must be between 1.00 and {limit}.00", "amount.value")


def optional(fields: Fields, name: str, kind: type, parameter: str | None = None) -> Any:
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise invalid("Wrong type of value", parameter or name)
    return value


def text(fields: Fields, name: str, length: int) -> str | None:
    value: str | None = optional(fields, name, str)
    if value is not None and len(value) > length:
        raise invalid(f"Value is longer than {length} characters", name)
    return value


def read_metadata(fields: Fields) -> dict[str, str] | None:
    metadata: dict[str, str] | None = optional(fields, "metadata", dict)
    if metadata is None:
        return None
    if len(metadata) > METADATA_KEYS:
        raise invalid(f"More than {METADATA_KEYS} keys", "metadata")
    for key, value in metadata.items():
        if len(key) > METADATA_KEY_LENGTH:
            raise invalid(f"Key is longer than {METADATA_KEY_LENGTH} characters", "metadata")
        if not isinstance(value, str) or len(value) > METADATA_VALUE_LENGTH:
            raise invalid(f"A string of at most {METADATA_VALUE_LENGTH} expected", f"metadata.{key}")
    return metadata


def read_confirmation(fields: Fields) -> dict[str, Any] | None:
    wish: dict[str, Any] | None = optional(fields, "confirmation", dict)
    if wish is None:
        return None
    kind = wish.get("type")
    if kind not in CONFIRMATIONS:
        raise invalid("Unknown type of confirmation", "confirmation.type")
    address = optional(wish, "return_url", str, "confirmation.return_url")
    if kind in ("redirect", "mobile_application"):
        if not address:
            raise invalid("Return address is missing", "confirmation.return_url")
        if len(address) > RETURN_URL_LENGTH:
            raise invalid(f"Longer than {RETURN_URL_LENGTH} characters", "confirmation.return_url")
    if wish.get("locale") not in (None, "ru_RU", "en_US"):
        raise invalid("Unknown locale", "confirmation.locale")
    optional(wish, "enforce", bool, "confirmation.enforce")
    return wish


def read_method_type(fields: Fields, shop: Shop, *, capture: bool) -> str | None:
    """Give the method the shop has chosen for the payer, None to let the payer choose."""
    wish = optional(fields, "payment_method_data", dict)
    if wish is None:
        return None
    kind: str = wish.get("type")
    if kind not in METHODS:
        raise invalid("Unknown payment method", "payment_method_data.type")
    if kind not in shop.payment_methods:
        raise invalid("The payment method is not available for the shop", "payment_method_data.type")
    if not capture and kind not in HOLD_DAYS:
        raise invalid("The payment method cannot hold money", "payment_method_data.type")
    return kind


def read_payment(fields: Fields, shop: Shop) -> Fields:
    """Give what a new payment is to be, checked. Raises ApiError (400) at the first wrong field."""
    kopecks = read_amount(fields)
    capture = bool(optional(fields, "capture", bool))
    ways = [name for name in WAYS if fields.get(name)]
    if len(ways) > 1:
        raise invalid(f"{' and '.join(ways)} exclude each other", ways[1])
    if "payment_token" in ways:
        raise invalid("The payment token is not found", "payment_token")
    method = read_method_type(fields, shop, capture=capture)
    check_limits(kopecks, method)
    method_id = optional(fields, "payment_method_id", str)
    confirmation = read_confirmation(fields)
    if confirmation is None and method_id is None:
        raise invalid("Confirmation is missing", "confirmation")
    optional(fields, "client_ip", str)
    return {
        "amount": kopecks,
        "capture": capture,
        "method": method,
        "method_id": method_id,
        "confirmation": confirmation,
        "wants_saving": optional(fields, "save_payment_method", bool),
        "description": text(fields, "description", DESCRIPTION_LENGTH),
        "metadata": read_metadata(fields),
        "merchant_customer_id": text(fields, "merchant_customer_id", CUSTOMER_LENGTH),
        "receipt": check_receipt(fields, shop, kopecks),
    }


def read_refund(fields: Fields, shop: Shop) -> Fields:
    """Give what a refund is to be, checked but for the payment's remainder. Raises ApiError (400)."""
    payment_id = fields.get("payment_id")
    if not isinstance(payment_id, str) or len(payment_id) != 36:
        raise invalid("A payment's identifier of 36 characters is expected", "payment_id")
    kopecks = read_amount(fields)
    return {
        "payment_id": payment_id,
        "amount": kopecks,
        "description": text(fields, "description", REFUND_DESCRIPTION_LENGTH),
        "metadata": read_metadata(fields),
        "receipt": check_receipt(fields, shop, kopecks),
    }
