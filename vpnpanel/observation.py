"""What a look at a panel changes in our picture of an account, and the limit to set there."""

from django.db.models import Sum

from vpnpanel.drivers.base import Observed
from vpnpanel.models import Access, PanelAccount

FIELDS = (
    "observed_status",
    "observed_until",
    "observed_limit",
    "links",
    "counter",
    "used_bytes",
    "online_at",
)
# What changes with every gigabyte and nothing else; the rest changes seldom.
TRAFFIC = frozenset({"counter", "used_bytes", "online_at"})
MISSING = "missing"


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
    """Add what the counter shows to the sum. A counter that fell was reset: all it shows is new traffic.

    One that only lacks a part for now will show the part again: it is waited for, else it would count twice.
    """
    counter = observed.counter
    fell = counter < account.counter
    if fell and not observed.counts_all:
        return
    account.used_bytes += counter if fell else counter - account.counter
    account.counter = counter


def limit_on_panel(access: Access, account: PanelAccount, used_in_all: int) -> int:
    """Return the limit to set there, in bytes: what is left of the access's own, on top of the counter."""
    if not access.traffic_limit:
        return 0
    return max(1, access.traffic_limit - used_in_all + account.counter)


def used_in_all(accesses: list[Access]) -> dict[int, int]:
    """Return the traffic of those accesses that have a limit, in bytes, over all accounts they ever had."""
    limited = [access.pk for access in accesses if access.traffic_limit]
    if not limited:
        return {}
    used = PanelAccount.objects.filter(access__in=limited).values("access").annotate(total=Sum("used_bytes"))
    return {row["access"]: row["total"] for row in used.order_by()}
