"""What a panel shows beside our rows: what they become by it, and what differs. Nothing is written here."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from core import clock
from vpnpanel.drivers.base import Observed
from vpnpanel.models import Access, Panel, PanelAccount, SyncFinding
from vpnpanel.observation import FIELDS, TRAFFIC, take_in, used_in_all
from vpnpanel.ownership import Wish, differences, is_own_arithmetic

Kind = SyncFinding.Kind
Placement = PanelAccount.Placement

OWN = (
    "access", "panel", "name", "placement", "serves_until", "applied_generation", "observed_at",
    "credentials",
)  # fmt: skip
# Those of an access that a comparison looks at; to read and decrypt the rest takes most of the time.
READ = tuple(
    f"access__{name}"
    for name in (
        "until", "traffic_limit", "is_enabled", "is_gone", "generation", "is_dirty", "changed_at",
        "panel_count",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """`is_own`: it comes of our own doing, so nobody is asked about it."""

    account: PanelAccount
    kind: Kind
    details: dict[str, list[Any]] = field(default_factory=dict)
    is_own: bool = False


@dataclass
class Look:
    """What some rows became by a look at the panel: `moved` only in traffic, `changed` in more."""

    differing: list[Difference] = field(default_factory=list)
    changed: list[PanelAccount] = field(default_factory=list)
    moved: list[PanelAccount] = field(default_factory=list)
    growth: Counter[int] = field(default_factory=Counter)


def rows_shown(panel: Panel, shown: Iterable[str]) -> "QuerySet[PanelAccount]":
    """Return our rows of those names with their accesses, as much of both as a comparison reads."""
    rows = PanelAccount.objects.filter(panel=panel, name__in=shown).select_related("access")
    return rows.only(*OWN, *FIELDS, *READ).order_by("pk")


def look(panel: Panel, rows: list[PanelAccount], shown: dict[str, Observed]) -> Look:
    """Take what is shown into the rows, unsaved, and tell what differs from what is wanted. One query."""
    used = used_in_all([row.access for row in rows])
    now, seen = clock.now(), Look()
    for row in rows:
        observed = shown[row.name]
        if not row.is_kept_in_line:
            is_back = row.placement == Placement.GONE  # an older copy of the panel was put back
            if is_back and observed.is_stuck:
                continue  # as it was left: off, and the panel does not delete it
            kind = Kind.RETURNED if is_back else Kind.DRIFT
            seen.differing.append(Difference(row, kind, is_own=not is_back))
            continue
        used_before, limit_before = row.used_bytes, row.observed_limit
        if what := take_in(row, observed):
            (seen.moved if what <= TRAFFIC else seen.changed).append(row)
            seen.growth[row.access_id] += row.used_bytes - used_before
        total = used.get(row.access_id, 0) + row.used_bytes - used_before
        if found := differences(Wish(row.access, row, panel, total, now), observed):
            # Nobody is asked about one that will be gone soon.
            is_own = is_own_arithmetic(found, limit_before) or not row.is_live
            seen.differing.append(Difference(row, Kind.DRIFT, found, is_own))
    return seen


def is_due(access: Access, began_at: datetime) -> bool:
    """Tell whether the panel should show by now what the access wants; before, a difference means nothing."""
    return not access.is_dirty and access.changed_at < began_at
