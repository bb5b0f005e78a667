"""What a look at a panel changes in our picture of an account, and the limit to set there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from vpnpanel.drivers.base import WHOLE, Observed
from vpnpanel.models import Access, PanelAccount

FIELDS = (
    "observed_status",
    "observed_until",
    "observed_limit",
    "links",
    "counter",
    "counters",
    "used_bytes",
    "online_at",
)
# What changes with every gigabyte and nothing else; the rest changes seldom.
TRAFFIC = frozenset({"counter", "counters", "used_bytes", "online_at"})
MISSING = "missing"


@dataclass(frozen=True)
class Sighting:
    """When a panel was asked what it shows, and when it had answered: that is of some time between.

    Of two that overlap nobody knows which is older, so one of them is dropped: a row keeps `seen_at`, and
    only who asked after that may write to it. The older of two counters would look like one begun anew.
    """

    asked_at: datetime
    seen_at: datetime


def take_in(account: PanelAccount, observed: Observed, *, with_traffic: bool = True) -> set[str]:
    """Put what was observed into the row, unsaved; return the fields that changed."""
    before = [getattr(account, field) for field in FIELDS]
    account.observed_status = observed.status
    account.observed_until = observed.until
    account.observed_limit = observed.traffic_limit
    account.links = list(observed.links)
    account.online_at = observed.online_at or account.online_at
    if with_traffic:
        _count(account, observed)
    return {field for field, value in zip(FIELDS, before, strict=True) if value != getattr(account, field)}


def take_in_traffic(account: PanelAccount, observed: Observed) -> None:
    """Put what the panel counts into the row, unsaved.

    What the shop owns stays as a full sync last saw it, so that a change made on the panel is found by one.
    """
    account.observed_status = observed.status
    account.online_at = observed.online_at or account.online_at
    _count(account, observed)


def _count(account: PanelAccount, observed: Observed) -> None:
    """Add to the sum what each counter grew by.

    What a counter showed is kept while it is not shown, and when its part is gone: either may come back, and
    would count twice. An account that was of one part so far is compared as a whole once more, and so is one
    that is of one part now.
    """
    shown = {part: size for part, size in observed.counters.items() if size is not None}
    whole = {WHOLE: account.counter}
    known = whole if WHOLE in observed.counters else account.counters or whole
    compared = shown
    if WHOLE in known and WHOLE not in observed.counters:
        if len(shown) < len(observed.counters):
            return
        compared = {WHOLE: observed.counter}
    account.used_bytes += sum(_growth(known.get(part, 0), size) for part, size in compared.items())
    known = known | shown
    account.counter = sum(known.get(part, 0) for part in observed.counters)
    account.counters = {} if WHOLE in observed.counters else {part: known[part] for part in known if part}


def _growth(before: int, now: int) -> int:
    """Return how much flowed. A counter that fell was reset, so all it shows is new, or an older copy of the
    panel was put back, so all of it was counted before. The second is taken for it where most of it is left:
    copies are a night old, and from zero to there it is more than flows between two looks."""
    if now >= before:
        return now - before
    return now if 2 * now <= before else 0


def limit_on_panel(access: Access, account: PanelAccount, used_in_all: int) -> int:
    """Return the limit to set there, in bytes: what is left of the access's own, on top of the counter."""
    if not access.traffic_limit:
        return 0
    return max(1, access.traffic_limit - used_in_all + account.counter)


def used_bytes(access_ids: Iterable[int]) -> dict[int, int]:
    """Return the traffic of each access in bytes, over all accounts it ever had. One query, none for none."""
    used = PanelAccount.objects.filter(access__in=list(access_ids)).order_by().values("access")
    return {row["access"]: row["total"] for row in used.annotate(total=Sum("used_bytes"))}


def used_in_all(accesses: Iterable[Access]) -> dict[int, int]:
    """The same of those that have a limit: of others nobody needs to know."""
    return used_bytes(access.pk for access in accesses if access.traffic_limit)
