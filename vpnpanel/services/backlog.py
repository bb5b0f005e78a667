"""Marking many accesses at once, in short transactions: SQLite blocks every other writer meanwhile."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, Q

from core import clock
from core.retention import BATCH
from vpnpanel.models import Access, Panel, PanelAccount


def mark_dirty(access_ids: Iterable[int]) -> int:
    """Have accesses compared with their panels at once, and return how many rows that touched."""
    return _in_batches(access_ids, is_dirty=True, marks=F("marks") + 1, next_try_at=None)


def mark_drifted(access_ids: list[int], *, before: datetime) -> int:
    """Have accesses brought in line that a panel differs from, unless they were changed after `before`."""
    settled = Access.objects.filter(pk__in=access_ids, is_dirty=False, changed_at__lt=before)
    return settled.update(is_dirty=True, next_try_at=None) if access_ids else 0


def mark_to_set(accounts: list[PanelAccount], *, before: datetime) -> int:
    """Have accounts told their terms once more, also where the panel's staff approve what syncs find.

    For what follows from our own arithmetic. Accesses changed after `before` are left alone. Returns how many
    accesses that is.
    """
    if accounts:
        PanelAccount.objects.filter(pk__in=[account.pk for account in accounts]).update(applied_generation=0)
    return mark_drifted([account.access_id for account in accounts], before=before)


def release(panel: Panel) -> int:
    """Let what waits for this panel be tried at once; return how many accesses that is."""
    waiting = Access.objects.filter(is_dirty=True, next_try_at__isnull=False)
    keys = waiting.filter(Q(accounts__panel=panel) | Q(groups__panels=panel)).distinct()
    return _in_batches(list(keys.values_list("pk", flat=True)), next_try_at=None)


def release_misplaced() -> int:
    """Have accounts moved or removed that should not be where they are; return how many there are.

    The sweep behind a removal that waited for a panel, which keeps no access dirty, and behind a panel given
    up while an access was being applied to it, or while its accesses were being marked. Also the end of the
    time that replaced accounts serve on, and what changed for them while their panel was away. Four queries,
    by panel and placement: whoever serves where they should is not looked at.
    """
    panels = list(Panel.objects.only("state", "is_up"))
    accounts = PanelAccount.objects.filter(access__is_dirty=False).order_by()
    callable_ones = accounts.filter(panel__in=[panel.pk for panel in panels if panel.may_be_called])
    given_up = accounts.filter(panel__in=[panel.pk for panel in panels if panel.state not in Panel.SERVING])
    lingering = Q(placement=PanelAccount.Placement.LEAVING, serves_until__isnull=False)
    misplaced = (
        callable_ones.to_remove(clock.now()),
        callable_ones.filter(lingering, applied_generation__lt=F("access__generation")),
        given_up.filter(Q(placement__in=PanelAccount.LIVE) | lingering),
    )
    keys = {key for rows in misplaced for key in rows.values_list("access_id", flat=True)}
    return mark_dirty(sorted(keys))


def _in_batches(access_ids: Iterable[int], **values: object) -> int:
    keys = list(access_ids)
    return sum(
        Access.objects.filter(pk__in=keys[start : start + BATCH]).update(**values)
        for start in range(0, len(keys), BATCH)
    )
