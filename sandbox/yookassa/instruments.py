"""What pretend payers pay with, as the API shows it. Shapes: the provider's notification samples."""

from __future__ import annotations

import random
from typing import Any

CARD = {
    "first6": "555555",
    "last4": "4444",
    "expiry_year": "2030",
    "expiry_month": "12",
    "card_type": "MasterCard",
    "issuer_country": "RU",
}
DETAILS: dict[str, dict[str, Any]] = {
    "bank_card": {"title": "Bank card *4444", "card": CARD},
    "sbp": {"title": "SBP"},
    "sberbank": {"title": "SberPay", "phone": "79000000000"},
    "tinkoff_bank": {"title": "T-Pay", "card": CARD},
    "yoo_money": {"title": "YooMoney wallet 410011758831136", "account_number": "410011758831136"},
}


def chosen(kind: str, payment_id: str) -> dict[str, Any]:
    """Show a method that was chosen but not yet paid with."""
    return {"type": kind, "id": payment_id, "saved": False}


def used(kind: str, payment_id: str, dice: random.Random) -> dict[str, Any]:
    """Show a method that a payer has paid with."""
    shown = chosen(kind, payment_id) | DETAILS[kind]
    if kind == "sbp":
        shown["sbp_operation_id"] = f"{dice.getrandbits(128):032X}"
        shown["payer_bank_details"] = {"bank_id": "100000000111", "bic": "044525225"}
    return shown


def authorization(kind: str, dice: random.Random) -> dict[str, Any] | None:
    """Give the bank's confirmation of a card payment."""
    if kind not in ("bank_card", "tinkoff_bank"):
        return None
    numbers = {"rrn": f"{dice.randrange(10**12):012d}", "auth_code": f"{dice.randrange(10**6):06d}"}
    return {**numbers, "three_d_secure": {"applied": kind == "bank_card"}}
