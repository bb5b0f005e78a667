"""What the shop took, day by day, for the home page. Read from the journal, so it is what is booked."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.core.cache import cache
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from billing.models import JournalEntry, Order
from billing.shown import amount_of

DAYS = 14
# Adding up two weeks of a large shop takes a while, and nobody decides by the second.
KEPT_SECONDS = 15

Account = JournalEntry.Account
OURS = (Account.PROVIDER, Account.CASH)
CHARGED = (Account.PREPAID, Account.CREDIT, Account.SUSPENSE)


@dataclass
class Day:
    """One day's money by currency: what came in, what went back, what providers kept."""

    day: date
    orders: int = 0
    received: dict[str, Decimal] = field(default_factory=dict)
    refunded: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    share: int = 0

    @property
    def received_shown(self) -> str:
        return shown(self.received)

    @property
    def refunded_shown(self) -> str:
        return shown(self.refunded)

    @property
    def fees_shown(self) -> str:
        return shown(self.fees)


def shown(sums: dict[str, Decimal]) -> str:
    """Return sums by currency in one line, a dash for none."""
    return " + ".join(amount_of(amount, currency) for currency, amount in sorted(sums.items())) or "–"


def last_days(now: datetime) -> list[Day]:
    """Return the last DAYS days, today first; up to KEPT_SECONDS old. Two queries.

    Days are those of the installation's time zone. `share` is what a day's bar shows: its part of the best
    day's income in the currency that most came in by.
    """
    found: list[Day] | None = cache.get("backoffice.takings")
    if found is None or found[0].day != timezone.localdate(now):
        found = _read(now)
        cache.set("backoffice.takings", found, KEPT_SECONDS)
    return found


def _read(now: datetime) -> list[Day]:
    today = timezone.localdate(now)
    days = {day: Day(day) for day in (today - timedelta(days=number) for number in range(DAYS))}
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=DAYS - 1)
    _add_money(days, since)
    paid = Order.objects.filter(paid_at__gte=since).order_by().annotate(day=TruncDate("paid_at"))
    for day, orders in paid.values_list("day").annotate(Count("pk")):
        if day in days:
            days[day].orders = orders
    _measure(list(days.values()))
    return list(days.values())


def _add_money(days: dict[date, Day], since: datetime) -> None:
    entries = JournalEntry.objects.filter(created_at__gte=since).order_by()
    dated = entries.annotate(day=TruncDate("created_at")).values_list("day", "debit", "credit", "currency")
    for day, debit, credit, currency, total in dated.annotate(Sum("amount")):
        if day not in days:
            continue
        sums = _sums_for(days[day], debit, credit)
        if sums is not None:
            sums[currency] = sums.get(currency, Decimal(0)) + total


def _sums_for(day: Day, debit: str, credit: str) -> dict[str, Decimal] | None:
    if debit in OURS and credit in CHARGED:
        return day.received
    if credit in OURS and debit == Account.REFUNDS:
        return day.refunded
    return day.fees if debit == Account.FEES else None


def _measure(days: list[Day]) -> None:
    totals: dict[str, Decimal] = {}
    for day in days:
        for currency, amount in day.received.items():
            totals[currency] = totals.get(currency, Decimal(0)) + amount
    if not totals:
        return
    main = max(totals, key=lambda currency: totals[currency])
    best = max(day.received.get(main, Decimal(0)) for day in days)
    for day in days:
        day.share = int(day.received.get(main, Decimal(0)) * 100 / best)
