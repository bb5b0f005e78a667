"""The one place that knows what a plan costs."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from billing.models import Price
from subscriptions.models import Plan

YARDSTICK_CODE = "month"


@dataclass(frozen=True)
class Offer:
    """A plan on sale with its price. `saving_per_day` against the 30-day plan, whole units, rounded down."""

    plan: Plan
    amount: Decimal
    currency: str
    per_day: Decimal
    saving_per_day: int


def offers(currency: str = Price.Currency.RUB) -> list[Offer]:
    """Return the paid plans on sale with their prices, in the order staff gave them. One query."""
    prices = list(
        Price.objects.filter(currency=currency, plan__is_open=True, plan__is_trial=False)
        .select_related("plan")
        .order_by("plan__position", "plan_id")
    )
    yardstick = next((_per_day(price) for price in prices if price.plan.code == YARDSTICK_CODE), Fraction(0))
    return [_offer(price, yardstick) for price in prices]


def _per_day(price: Price) -> Fraction:
    """A fraction, because a quotient cut to digits may fall on the wrong side of a whole number."""
    return Fraction(price.amount) / price.plan.days


def _offer(price: Price, yardstick: Fraction) -> Offer:
    per_day = _per_day(price)
    return Offer(
        plan=price.plan,
        amount=price.amount,
        currency=price.currency,
        per_day=Decimal(floor(per_day * 100)).scaleb(-2),
        saving_per_day=max(floor(yardstick - per_day), 0),
    )
