"""The books: shops, payments, refunds, receipts, saved methods. No HTTP, no rules. Amounts are kopecks."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import Any

SHOP_ID = "100500"
SECRET_KEY = "test_sandbox_secret"
METHODS = ("bank_card", "sbp", "sberbank", "tinkoff_bank", "yoo_money")
# The provider counts the seconds in its identifiers from the year 2000.
EPOCH = 946_684_800


@dataclass(slots=True)
class Shop:
    """A merchant's account; `webhook_url` of its own, else the stand-in's."""

    shop_id: str
    secret_key: str
    test: bool = True
    name: str = "VPN shop"
    status: str = "enabled"
    gateway_id: str = "2012345"
    itn: str = "7700000000"
    fiscalization: bool = False
    autopay: bool = True
    payment_methods: list[str] = field(default_factory=lambda: list(METHODS))
    webhook_url: str | None = None


@dataclass(slots=True)
class Payment:
    """One payment. Times are Unix seconds; `settles_at` is when the knob decides it without a payer."""

    id: str
    number: int
    shop_id: str
    amount: int
    created_at: float
    closes_at: float
    capture: bool
    test: bool
    key: str | None = None
    currency: str = "RUB"
    status: str = "pending"
    description: str | None = None
    metadata: dict[str, str] | None = None
    merchant_customer_id: str | None = None
    confirmation: dict[str, Any] | None = None
    method: dict[str, Any] | None = None
    wants_saving: bool | None = None
    receipt: dict[str, Any] | None = None
    receipt_registration: str | None = None
    captured: int = 0
    captured_at: float | None = None
    hold_until: float | None = None
    settles_at: float | None = None
    refunded: int = 0
    refund_reserved: int = 0
    cancellation: dict[str, str] | None = None
    authorization: dict[str, Any] | None = None

    @property
    def refundable(self) -> int:
        """What may still be given back; refunds that are not decided yet count as given."""
        return self.captured - self.refunded - self.refund_reserved


@dataclass(slots=True)
class Refund:
    id: str
    number: int
    shop_id: str
    payment_id: str
    amount: int
    created_at: float
    status: str = "pending"
    key: str | None = None
    currency: str = "RUB"
    description: str | None = None
    metadata: dict[str, str] | None = None
    receipt: dict[str, Any] | None = None
    receipt_registration: str | None = None
    cancellation: dict[str, str] | None = None
    settles_at: float | None = None
    external: bool = False


@dataclass(slots=True)
class SavedMethod:
    """What a payer let the shop charge again. `next_decline` is the reason the next charge meets."""

    id: str
    shop_id: str
    shown: dict[str, Any]
    status: str = "active"
    next_decline: str | None = None


@dataclass(slots=True)
class Receipt:
    """A fiscal receipt: of a payment or a refund, sent with it or by itself."""

    id: str
    number: int
    shop_id: str
    type: str
    payment_id: str | None
    refund_id: str | None
    content: dict[str, Any]
    created_at: float
    status: str = "pending"
    settles_at: float | None = None


@dataclass(slots=True)
class Answer:
    """What a key was answered first; `body` None while the first call is still at work."""

    digest: str
    at: float
    status: int = 202
    body: str | None = None


ROWS: dict[str, type[Any]] = {
    "shops": Shop,
    "payments": Payment,
    "refunds": Refund,
    "methods": SavedMethod,
    "receipts": Receipt,
    "answers": Answer,
}


class Books:
    """Everything the provider knows, by identifier, in the order it was made."""

    def __init__(self) -> None:
        self.dice = random.SystemRandom()
        self.clear()

    def clear(self) -> None:
        """Start over with the one shop everybody knows."""
        self.shops: dict[str, Shop] = {SHOP_ID: Shop(SHOP_ID, SECRET_KEY)}
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self.methods: dict[str, SavedMethod] = {}
        self.receipts: dict[str, Receipt] = {}
        self.answers: dict[str, Answer] = {}
        self.last_number = 0

    def next_number(self) -> int:
        self.last_number += 1
        return self.last_number

    def new_id(self, kind: str, now: float, *, test: bool) -> str:
        """Give an identifier of 36 characters in the provider's form; `kind` is 000f or 0015."""
        seconds = max(int(now) - EPOCH, 0)
        tail = self.dice.getrandbits(48)
        return f"{seconds:08x}-{kind}-5{int(test):03x}-{self.dice.choice('89ab')}000-{tail:012x}"

    def dump(self) -> dict[str, Any]:
        """Give plain values that share the books' own: turn them into text before anything changes."""
        rows = {name: {key: values(row) for key, row in getattr(self, name).items()} for name in ROWS}
        return {**rows, "last_number": self.last_number}

    def load(self, saved: dict[str, Any]) -> None:
        self.last_number = saved["last_number"]
        for name, kind in ROWS.items():
            known = {each.name for each in fields(kind)}
            rows = {
                key: kind(**{field: value for field, value in row.items() if field in known})
                for key, row in saved[name].items()
            }
            setattr(self, name, rows)


def values(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
