"""What a look at a panel changes in our picture of an account, and what it should have shown."""

from datetime import datetime

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
MISSING = "missing"


def take_in(account: PanelAccount, observed: Observed, *, with_traffic: bool = True) -> bool:
    """Put what was observed into the row, unsaved; tell whether anything differs."""
    before = [getattr(account, field) for field in FIELDS]
    account.observed_status = observed.status
    account.observed_until = observed.until
    account.observed_limit = observed.traffic_limit
    account.links = list(observed.links)
    account.online_at = observed.online_at or account.online_at
    if with_traffic:
        _count(account, observed.counter)
    return before != [getattr(account, field) for field in FIELDS]


def _count(account: PanelAccount, counter: int) -> None:
    """Add what the counter shows to the sum. A counter that fell was reset: all it shows is new traffic."""
    fell = counter < account.counter
    account.used_bytes += counter if fell else counter - account.counter
    account.counter = counter


def limit_on_panel(access: Access, account: PanelAccount, used_in_all: int) -> int:
    """Return the limit to set there, in bytes: what is left of the access's own, on top of the counter."""
    if not access.traffic_limit:
        return 0
    return max(1, access.traffic_limit - used_in_all + account.counter)


def differs(
    access: Access, account: PanelAccount, observed: Observed, *, used_in_all: int, at: datetime
) -> bool:
    """Tell whether the panel shows something else than the access wants at that time."""
    is_wanted = access.is_wanted(at)
    if observed.is_enabled != is_wanted:
        return True
    if not is_wanted:
        return False
    return (
        not observed.links
        or observed.until is None
        or int(observed.until.timestamp()) != int(access.until.timestamp())
        or observed.traffic_limit != limit_on_panel(access, account, used_in_all)
    )
