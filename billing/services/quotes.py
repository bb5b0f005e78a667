"""The one place that knows what a plan costs."""

import zlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor

from accounts.models import User
from billing.errors import NotForSale
from billing.models import Order, Price
from billing.services.journal import credit_of
from core import clock
from core.clock import DAY
from subscriptions.models import Plan, Subscription

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


@dataclass(frozen=True)
class Quote:
    """What a plan would cost this customer now, and what it would give.

    `ends_at` is when the subscription would end if it were paid now; `credit` what we hold of theirs.
    """

    plan: Plan
    kind: Order.Kind
    subscription: Subscription | None
    amount: Decimal
    currency: str
    ends_at: datetime
    credit: Decimal

    @property
    def is_covered(self) -> bool:
        """Tell whether the customer's credit pays for it."""
        return self.credit >= self.amount

    @property
    def seen(self) -> str:
        """A mark of what was shown. It changes with every purchase, price and term: who decides on one
        quote twice, or on one that is outdated, is found out by it.
        """
        ends = self.subscription.expires_at.timestamp() if self.subscription else 0
        shown = f"{ends:.0f}:{self.amount}:{self.currency}:{self.plan.days}"
        return f"{zlib.crc32(shown.encode()):08x}"


def quote(customer: User, plan_id: int, currency: str = Price.Currency.RUB) -> Quote:
    """Return what the plan costs the customer now: the screen and the order ask here. Three queries.

    To order by it, lock the customer first. Raises NotForSale.
    """
    on_sale = Price.objects.filter(plan__is_open=True, plan__is_trial=False)
    price = on_sale.filter(plan_id=plan_id, currency=currency).select_related("plan").first()
    if price is None:
        raise NotForSale(f"plan {plan_id} is not on sale for {currency}")
    held = held_by(customer)
    return Quote(
        plan=price.plan,
        kind=kind_for(held),
        subscription=held,
        amount=price.amount,
        currency=price.currency,
        ends_at=_end_after(held, price.plan.days),
        credit=credit_of(customer, currency),
    )


def held_by(customer: User) -> Subscription | None:
    """Return the subscription that a purchase prolongs: the one that ends last, running or not."""
    return Subscription.objects.filter(user=customer).order_by("-expires_at", "-id").first()


def kind_for(held: Subscription | None) -> Order.Kind:
    return Order.Kind.NEW if held is None else Order.Kind.RENEWAL


def _end_after(held: Subscription | None, days: int) -> datetime:
    now = clock.now()
    return max(now, held.expires_at if held else now) + days * DAY


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
