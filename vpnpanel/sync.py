"""The full sync: reads a whole panel, keeps what it shows, and marks what differs for the reconciler.

It never writes to a panel. Accounts that are not ours are counted and otherwise left out of sight.
Costs a fixed number of queries per page of accounts, however many there are.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from core import clock, jobs
from core.jobs import Step
from core.models import Job
from core.retention import delete_in_batches
from core.services import require_installation
from vpnpanel import backlog, usage
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Observed, Page
from vpnpanel.errors import PanelError, PanelRefused
from vpnpanel.models import Access, Panel, PanelAccount, SyncRun
from vpnpanel.observation import FIELDS, differs, take_in
from vpnpanel.placement import used_in_all

KIND = "panel_sync"
# A step ends before the job's lease does, though its last page may take the driver's whole time-out.
STEP_SECONDS = 10.0

Placement = PanelAccount.Placement


@dataclass
class Tally:
    """How far a run came. Kept in the job's cursor, so that a page read twice is counted once."""

    run: int
    offset: int = 0
    calls: int = 0
    accounts: int = 0
    foreign: int = 0
    drifted: int = 0


def sync_panels(asked_by: str = "schedule") -> int:
    """Start a full sync of every panel that serves and answers; return how many."""
    require_installation()
    panels = list(Panel.objects.filter(state__in=Panel.SERVING, is_up=True))
    for panel in panels:
        jobs.start(KIND, subject=str(panel.pk), asked_by=asked_by)
    return len(panels)


def step(job: Job) -> Step:
    """Read the next pages of a panel for about ten seconds. Safe to repeat. Raises PanelError."""
    require_installation()
    panel = Panel.objects.get(pk=int(job.subject))
    if panel.state == Panel.State.OFF:
        raise PanelRefused("the panel is switched off")
    tally = Tally(**job.cursor) if job.cursor else Tally(run=SyncRun.objects.create(panel=panel).pk)
    try:
        total, is_last = _read_pages(panel, tally)
    except PanelError as failed:
        _keep(tally, error=str(failed))
        raise
    missing = _finish(panel, tally) if is_last else 0
    result = {
        "accounts": tally.accounts,
        "foreign": tally.foreign,
        "drifted": tally.drifted,
        "missing": missing,
    }
    return Step(cursor=vars(tally), done=tally.offset, total=total, is_last=is_last, result=result)


def _read_pages(panel: Panel, tally: Tally) -> tuple[int, bool]:
    """Take in pages from where the tally stands; return the panel's total and whether that was all."""
    give_up_at = time.monotonic() + STEP_SECONDS
    driver = driver_for(panel)
    pages = driver.pages(tally.offset)
    try:
        while True:
            began_at = clock.now()
            page = next(pages)
            take_page(panel, page, began_at, tally)
            tally.offset = min(tally.offset + driver.page_size, page.total)
            if page.is_last or time.monotonic() > give_up_at:
                return page.total, page.is_last
    finally:
        driver.close()


def take_page(panel: Panel, page: Page, began_at: datetime, tally: Tally) -> None:
    """Keep what a page shows of our accounts, and mark the accesses that want something else."""
    shown = {observed.name: observed for observed in page.accounts}
    ours, drifted = _observe(panel, shown, began_at)
    tally.drifted += backlog.mark_drifted(drifted, before=began_at)
    tally.calls += 1
    tally.accounts += ours
    tally.foreign += len(page.accounts) - ours
    _keep(tally)


@transaction.atomic
def _observe(panel: Panel, shown: dict[str, Observed], began_at: datetime) -> tuple[int, list[int]]:
    """Write down what is shown; return how many accounts are ours, and whose access wants something else.

    What the reconciler saw after the page was asked for is newer and stays.
    """
    mine = PanelAccount.objects.filter(panel=panel, name__in=shown).select_related("access")
    rows = list(mine.select_for_update(of=("self",), no_key=True).order_by("pk"))
    used = used_in_all([row.access for row in rows])
    changed, seen, returned, drifted = [], [], [], []
    growth: Counter[int] = Counter()
    now = clock.now()
    for row in rows:
        if row.observed_at is not None and row.observed_at >= began_at:
            continue
        seen.append(row.pk)
        if row.placement == Placement.GONE:  # an older copy of the panel was put back
            returned.append(row.pk)
        if not row.is_live:
            drifted.append(row.access_id)
            continue
        before = row.used_bytes
        if take_in(row, shown[row.name]):
            changed.append(row)
            growth[row.access_id] += row.used_bytes - before
        total = used.get(row.access_id, 0) + row.used_bytes - before
        if differs(row.access, row, shown[row.name], used_in_all=total, at=now):
            drifted.append(row.access_id)
    PanelAccount.objects.bulk_update(changed, FIELDS)
    PanelAccount.objects.filter(pk__in=seen).update(observed_at=began_at)
    usage.note_growth(growth, at=began_at)
    if returned:
        PanelAccount.objects.filter(pk__in=returned).update(placement=Placement.LEAVING, gone_at=None)
    return len(rows), drifted


def _finish(panel: Panel, tally: Tally) -> int:
    """Mark the accesses whose account was not on any page, and close the run; return how many."""
    run = SyncRun.objects.get(pk=tally.run)
    now = clock.now()
    wanted = Access.objects.filter(is_enabled=True, is_gone=False, until__gt=now, is_dirty=False)
    unseen = PanelAccount.objects.filter(
        panel=panel, placement=Placement.SERVING, observed_at__lt=run.started_at, access__in=wanted
    )
    missing = backlog.mark_dirty(list(unseen.values_list("access_id", flat=True)))
    _keep(tally, missing=missing, finished_at=now, error="")
    Panel.objects.filter(pk=panel.pk).update(synced_at=now)
    return missing


def _keep(tally: Tally, **more: Any) -> None:
    counts = {name: value for name, value in vars(tally).items() if name not in ("run", "offset")}
    SyncRun.objects.filter(pk=tally.run).update(**counts, **more)


def remove_runs(before: datetime) -> int:
    """Delete what is kept of syncs that started before then."""
    return delete_in_batches(SyncRun.objects.filter(started_at__lt=before))
