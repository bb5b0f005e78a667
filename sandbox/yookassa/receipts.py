"""What a fiscal receipt must say (54-FZ), as far as the API checks it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.yookassa.errors import invalid
from sandbox.yookassa.state import Shop

ITEMS = 100
ITEM_DESCRIPTION_LENGTH = 128
VAT_CODES = range(1, 13)
TAX_SYSTEMS = range(1, 7)


def check_receipt(fields: dict[str, Any], shop: Shop, kopecks: int) -> dict[str, Any] | None:
    """Give the receipt that comes with a payment or refund of `kopecks`.

    Raises ApiError (400) if it is missing though the shop must send one, or if it is wrong.
    """
    receipt = fields.get("receipt")
    if not receipt:
        if shop.fiscalization:
            raise invalid("Receipt is missing or illegal", "receipt")
        return None
    if not isinstance(receipt, dict):
        raise invalid("Receipt is missing or illegal", "receipt")
    check_content(receipt, "receipt.")
    if total(receipt["items"]) != kopecks:
        raise invalid("Receipt is missing or illegal: its items do not add up to the amount", "receipt.items")
    return receipt


def check_content(receipt: dict[str, Any], prefix: str) -> None:
    """Raise ApiError (400) unless customer, items and tax system are fit for a receipt."""
    customer = receipt.get("customer")
    if not isinstance(customer, dict) or not (customer.get("email") or customer.get("phone")):
        raise invalid("The customer's e-mail or phone is missing", f"{prefix}customer")
    items = receipt.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= ITEMS:
        raise invalid(f"From 1 to {ITEMS} items are expected", f"{prefix}items")
    for number, item in enumerate(items):
        check_item(item, f"{prefix}items[{number}]")
    if receipt.get("tax_system_code") not in (None, *TAX_SYSTEMS):
        raise invalid("Unknown tax system", f"{prefix}tax_system_code")


def check_item(item: Any, parameter: str) -> None:
    if not isinstance(item, dict):
        raise invalid("An object is expected", parameter)
    description = item.get("description")
    if not isinstance(description, str) or not 1 <= len(description) <= ITEM_DESCRIPTION_LENGTH:
        raise invalid(f"From 1 to {ITEM_DESCRIPTION_LENGTH} characters", f"{parameter}.description")
    if item.get("vat_code") not in VAT_CODES:
        raise invalid("Unknown VAT code", f"{parameter}.vat_code")
    try:
        right = Decimal(str(item["quantity"])) > 0 and Decimal(str(item["amount"]["value"])) >= 0
    except (KeyError, TypeError, InvalidOperation):
        right = False
    if not right:
        raise invalid("Wrong quantity or amount", parameter)


def total(items: list[dict[str, Any]]) -> int:
    """Add the items up, in kopecks."""
    sums = (Decimal(str(item["amount"]["value"])) * Decimal(str(item["quantity"])) for item in items)
    return int((sum(sums, Decimal(0)) * 100).to_integral_value())
