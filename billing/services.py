"""The one place that knows what a plan costs."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

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
    """Return the paid plans on sale with their prices, in the order staff gave them. Two queries at most."""
    prices = list(
        Price.objects.filter(currency=currency, plan__is_open=True, plan__is_trial=False)
        .select_related("plan")
        .order_by("plan__position", "plan_id")
    )
    yardstick = next(
        (price.amount / price.plan.days for price in prices if price.plan.code == YARDSTICK_CODE), None
    )
    return [_offer(price, yardstick) for price in prices]


def _offer(price: Price, yardstick: Decimal | None) -> Offer:
    per_day = price.amount / price.plan.days
    saving = max(yardstick - per_day, Decimal(0)) if yardstick is not None else Decimal(0)
    return Offer(
        plan=price.plan,
        amount=price.amount,
        currency=price.currency,
        per_day=per_day.quantize(Decimal("0.01"), ROUND_FLOOR),
        saving_per_day=int(saving.to_integral_value(ROUND_FLOOR)),
    )
