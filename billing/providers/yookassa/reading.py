"""What YooKassa says, read from the raw JSON: its own words are kept, unknown fields change nothing.

The package's response models are not used here: they flatten reasons and methods they do not know, and
refuse a whole object for one card field that looks different.
"""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.errors import AnswerOdd
from billing.providers.base import AccountReport, PaymentReport, RefundReport, Said
from billing.providers.yookassa.api import EMAIL

STATUSES = {
    "pending": Said.PENDING,
    "waiting_for_capture": Said.HELD,
    "succeeded": Said.SUCCEEDED,
    "canceled": Said.CANCELED,
}
# An unpaid payment is canceled when its window ends; the answer does not say when that is:
# https://yookassa.ru/developers/payment-acceptance/getting-started/payment-process
PAY_WINDOW = timedelta(hours=1)

OBJECT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
CURRENCY = re.compile(r"[A-Z]{3,4}")
# Numbers of wallets and accounts; four digits are enough to know one's own by.
LONG_NUMBER = re.compile(r"\d{3,}(?=\d{4})")
TEXT_LENGTH = 300

# What is kept of an answer: True for the value itself, a table for what is inside it.
Kept = dict[str, Any]
AMOUNT_KEPT: Kept = {"value": True, "currency": True}
COMMON_KEPT: Kept = {
    "id": True,
    "status": True,
    "amount": AMOUNT_KEPT,
    "created_at": True,
    "description": True,
    "cancellation_details": {"party": True, "reason": True},
    "receipt_registration": True,
}
PAYMENT_KEPT: Kept = COMMON_KEPT | {
    "paid": True,
    "test": True,
    "income_amount": AMOUNT_KEPT,
    "refunded_amount": AMOUNT_KEPT,
    "refundable": True,
    "captured_at": True,
    "expires_at": True,
    "recipient": {"account_id": True, "gateway_id": True},
    "payment_method": {
        "type": True,
        "id": True,
        "saved": True,
        "status": True,
        "title": True,
        "card": {"first6": True, "last4": True, "card_type": True, "issuer_country": True},
    },
    "authorization_details": {"rrn": True, "auth_code": True, "three_d_secure": {"applied": True}},
    "metadata": {"order_id": True, "payment_key": True, "shop": True},
}
REFUND_KEPT: Kept = COMMON_KEPT | {
    "payment_id": True,
    "refund_authorization_details": {"rrn": True},
    "metadata": {"refund_key": True, "shop": True},
}
ACCOUNT_KEPT: Kept = {
    "account_id": True,
    "status": True,
    "test": True,
    "fiscalization": {"enabled": True, "provider": True},
    "fiscalization_enabled": True,
}
EXACT = {"id", "payment_id", "order_id", "payment_key", "refund_key", "shop"}


def payment_report(fields: dict[str, Any]) -> PaymentReport:
    """Understand a payment. Raises AnswerOdd if what money depends on is missing or odd."""
    said, (amount, currency) = _said(fields), _moved(fields)
    is_test = fields.get("test")
    if not isinstance(is_test, bool):
        raise AnswerOdd("a payment does not say whether it is a test")
    if said is Said.SUCCEEDED and fields.get("paid") is False:
        raise AnswerOdd("a payment succeeded without being paid")
    method, created_at = _inside(fields, "payment_method"), _moment(fields, "created_at")
    ends_at = created_at + PAY_WINDOW if created_at and said is Said.PENDING else None
    return PaymentReport(
        remote_id=_id(fields, "id"),
        said=said,
        amount=amount,
        currency=currency,
        is_test=is_test,
        remote_account=text(_inside(fields, "recipient").get("account_id"), 64),
        key=text(_inside(fields, "metadata").get("payment_key"), 64),
        refunded=_money(fields, "refunded_amount")[0] if fields.get("refunded_amount") else Decimal(0),
        fee=_fee(fields, amount, currency) if said is Said.SUCCEEDED else None,
        confirmation_url=_address(_inside(fields, "confirmation").get("confirmation_url")),
        expires_at=_moment(fields, "expires_at") or ends_at,
        created_at=created_at,
        method=text(method.get("type"), 40),
        method_title=LONG_NUMBER.sub("*", text(method.get("title"), 120)),
        reason=text(_inside(fields, "cancellation_details").get("reason"), 120),
        is_receipt_failed=fields.get("receipt_registration") == "canceled",
        raw=kept(fields, PAYMENT_KEPT),
    )


def refund_report(fields: dict[str, Any]) -> RefundReport:
    """Understand a refund. Raises AnswerOdd as `payment_report`."""
    amount, currency = _moved(fields)
    return RefundReport(
        remote_id=_id(fields, "id"),
        remote_payment_id=_id(fields, "payment_id"),
        said=_said(fields),
        amount=amount,
        currency=currency,
        key=text(_inside(fields, "metadata").get("refund_key"), 64),
        reason=text(_inside(fields, "cancellation_details").get("reason"), 120),
        created_at=_moment(fields, "created_at"),
        is_receipt_failed=fields.get("receipt_registration") == "canceled",
        raw=kept(fields, REFUND_KEPT),
    )


def account_report(fields: dict[str, Any]) -> AccountReport:
    """Understand what the shop says of itself. Raises AnswerOdd if mode or number are missing."""
    remote_account, is_test = text(fields.get("account_id"), 64), fields.get("test")
    if not remote_account or not isinstance(is_test, bool):
        raise AnswerOdd("the shop does not say which one it is, or whether it is a test")
    needs_receipts = _inside(fields, "fiscalization").get("enabled", fields.get("fiscalization_enabled"))
    return AccountReport(
        remote_account=remote_account,
        is_test=is_test,
        is_enabled=fields.get("status") == "enabled",
        needs_receipts=needs_receipts is True,
        raw=kept(fields, ACCOUNT_KEPT),
    )


def kept(fields: dict[str, Any], table: Kept) -> dict[str, Any]:
    """Return those parts of an answer that may be stored: no addresses, no card or wallet numbers."""
    found: dict[str, Any] = {}
    for name, wanted in table.items():
        value = fields.get(name)
        if isinstance(wanted, dict) and isinstance(value, dict):
            found[name] = kept(value, wanted)
        elif wanted is True and isinstance(value, bool):
            found[name] = value
        elif wanted is True and isinstance(value, str | int | float):
            plain = text(value, TEXT_LENGTH)
            found[name] = plain if name in EXACT else _masked(name, plain)
    return found


def text(value: Any, length: int) -> str:
    """Return a string or number as text that every database takes; nothing for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\0", "").encode("utf-8", "ignore").decode()[:length]


def _masked(name: str, plain: str) -> str:
    plain = EMAIL.sub("***", plain)
    return LONG_NUMBER.sub("*", plain) if name in ("title", "description") else plain


def _inside(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _id(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not OBJECT_ID.fullmatch(value):
        raise AnswerOdd(f"the answer has no {name}")
    return value


def _said(fields: dict[str, Any]) -> Said:
    status = fields.get("status")
    if not isinstance(status, str) or not status:
        raise AnswerOdd("the answer has no status")
    return STATUSES.get(status, Said.UNKNOWN)


def _money(fields: dict[str, Any], name: str) -> tuple[Decimal, str]:
    """Read an amount from its string: through float, kopecks could be lost."""
    amount = _inside(fields, name)
    value, currency = amount.get("value"), amount.get("currency")
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        raise AnswerOdd(f"{name} has no value that can be read")
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        raise AnswerOdd(f"{name} has no currency")
    return Decimal(value), currency


def _moved(fields: dict[str, Any]) -> tuple[Decimal, str]:
    """Read the sum an object is about: there is none of nothing."""
    amount, currency = _money(fields, "amount")
    if not amount:
        raise AnswerOdd("the amount is nothing")
    return amount, currency


def _fee(fields: dict[str, Any], amount: Decimal, currency: str) -> Decimal | None:
    """Return what YooKassa kept, None where that cannot be told: it is not worth losing the payment."""
    try:
        income, income_currency = _money(fields, "income_amount")
    except AnswerOdd:
        return None
    return amount - income if income_currency == currency and income <= amount else None


def _moment(fields: dict[str, Any], name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(fields.get(name)))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _address(value: Any) -> str:
    """Return the address of the page to pay on. Customers get it as a link, so nothing else may pass."""
    address = text(value, 2048)
    return address if address.startswith(("https://", "http://")) else ""
