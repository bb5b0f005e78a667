"""How amounts and states of money read in the back office. Imports nothing of the admin: templates use it."""

from decimal import Decimal

from core import money

ORDER_TONES = {
    "open": "info",
    "paid": "warning",
    "fulfilled": "success",
    "refused": "danger",
    "closed": "default",
    "refunded": "default",
}
PAYMENT_TONES = {
    "created": "info",
    "sending": "info",
    "pending": "info",
    "held": "warning",
    "succeeded": "success",
    "canceled": "default",
    "rejected": "danger",
}
REFUND_TONES = {
    "requested": "info",
    "sending": "info",
    "pending": "info",
    "succeeded": "success",
    "manual": "warning",
    "failed": "danger",
}


def amount_of(amount: Decimal | None, currency: str) -> str:
    """Return an amount as people write it, a dash for none."""
    return "–" if amount is None else money.shown(amount, currency)
