"""The full sync: reads a whole panel, keeps what it shows, and marks what differs for the reconciler.

It never writes to a panel. Accounts that are not ours are counted and otherwise left out of sight.
Costs a fixed number of queries per page of accounts, however many there are.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from core import clock, jobs
from core.jobs import Step
from core.models import Installation, Job
from core.retention import BATCH, delete_in_batches
from core.said import said
from core.services import require_installation
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Observed, Page
from vpnpanel.errors import PanelError, PanelRefused
from vpnpanel.guard.examination import is_of_a_test
from vpnpanel.models import Access, Panel, PanelAccount, SyncFinding, SyncRun
from vpnpanel.observation import Sighting
from vpnpanel.services import backlog, findings, strays
from vpnpanel.services.findings import Found
from vpnpanel.services.pieces import Piece, take_piece

KIND = "panel_sync"
# A step ends before the job's lease does, though its last page may take the driver's whole time-out.
STEP_SECONDS = 10.0
# Rows of one transaction: a kind of panel that answers with everything gives one page of any length.
PIECE = 100
# What of a tally is the job's own business; the rest are the run's figures.
PLACE = ("run", "offset", "kept")

Placement = PanelAccount.Placement


@dataclass
class Tally:
    """How far a run came. Kept in the job's cursor, so that a page read twice is counted once.

    `kept` is how many findings were written down of those that are bounded.
    """

    run: int
    offset: int = 0
    kept: int = 0
    calls: int = 0
    accounts: int = 0
    foreign: int = 0
    drifted: int = 0
    missing: int = 0
    returned: int = 0
    relimited: int = 0
    held: int = 0
    strays: int = 0
    unreadable: int = 0
    findings_left_out: int = 0


def sync_panels(asked_by: str = "schedule") -> int:
    """Start a full sync of every panel that serves and answers; return how many."""
    require_installation()
    panels = list(Panel.objects.filter(state__in=Panel.SERVING, is_up=True))
    for panel in panels:
        jobs.start(KIND, subject=str(panel.pk), asked_by=asked_by)
    return len(panels)


def step(job: Job) -> Step:
    """Read the next pages of a panel for about ten seconds. Safe to repeat. Raises PanelError."""
    installation = require_installation()
    panel = Panel.objects.get(pk=int(job.subject))
    if panel.state == Panel.State.OFF:
        raise PanelRefused(said("the panel is switched off"))
    tally = Tally(**job.cursor) if job.cursor else Tally(run=_begin_run(panel, job))
    run = SyncRun.objects.get(pk=tally.run)
    run.panel = panel
    try:
        total, is_last = _read_pages(run, installation, tally)
    except PanelError as failed:
        _keep(tally, error=failed.sentence, finished_at=clock.now())
        raise
    if is_last:
        _finish(run, tally)
    result = {name: value for name, value in vars(tally).items() if name not in PLACE}
    return Step(cursor=vars(tally), done=tally.offset, total=total, is_last=is_last, result=result)


def _begin_run(panel: Panel, job: Job) -> int:
    """Return the row of a new run: that of the job's last try, if it failed before it had read a page."""
    failed = SyncRun.objects.filter(panel=panel, calls=0, started_at__gte=job.created_at).exclude(error="")
    again = failed.values_list("pk", flat=True).first()
    if again is None:
        return SyncRun.objects.create(panel=panel).pk
    SyncRun.objects.filter(pk=again).update(started_at=clock.now())
    return again


def _read_pages(run: SyncRun, installation: Installation, tally: Tally) -> tuple[int, bool]:
    """Take in pages from where the tally stands; return the panel's total and whether that was all."""
    give_up_at: float | None = None
    driver = driver_for(run.panel)
    pages = driver.pages(tally.offset)
    asked_at = seen_at = clock.now()
    try:
        while True:
            now = clock.now()
            page = next(pages)
            if page.calls:  # what came along with the page before was seen with it, and is as old
                asked_at, seen_at = now, clock.now()
            take_page(run, installation, page, Sighting(asked_at, seen_at), tally)
            tally.offset = min(tally.offset + driver.page_size, page.total)
            # Counted from the first page on: with some panels it takes long, and brings all others along.
            give_up_at = give_up_at or time.monotonic() + STEP_SECONDS
            if page.is_last or time.monotonic() >= give_up_at:
                return page.total, page.is_last
    finally:
        driver.close()


def take_page(run: SyncRun, installation: Installation, page: Page, at: Sighting, tally: Tally) -> None:
    """Keep what a page shows of our accounts, and mark the accesses that want something else."""
    tally.calls += page.calls
    for some in _pieces(page.accounts):
        piece = take_piece(run.panel, run, {each.name: each for each in some}, at)
        _count(piece, at.asked_at, tally)
        others = (each for each in some if each.name not in piece.own)
        foreign = [each for each in others if not is_of_a_test(each.name, installation.short)]
        strange = Found(new=strays.notice(run, installation, foreign, at.asked_at))
        _write_down(strange, tally)
        tally.accounts += len(piece.own)
        tally.foreign += len(foreign)
        tally.strays += len(strange.new)
    _note_unreadable(run, page, tally)
    _keep(tally)


def _pieces(accounts: tuple[Observed, ...]) -> Iterator[list[Observed]]:
    rest = iter(accounts)
    while some := list(islice(rest, PIECE)):
        yield some


def _count(piece: Piece, began_at: datetime, tally: Tally) -> None:
    # After the accounts' own transaction: the reconciler locks an access first and its accounts then.
    tally.drifted += backlog.mark_drifted(piece.repairs, before=began_at)
    tally.relimited += backlog.mark_to_set(piece.relimited, before=began_at)
    tally.returned += piece.returned
    _write_down(piece.found, tally)


def _write_down(found: Found, tally: Tally) -> None:
    tally.held += found.held
    kept, left_out = findings.keep(found, tally.kept)
    tally.kept += kept
    tally.findings_left_out += left_out


def _note_unreadable(run: SyncRun, page: Page, tally: Tally) -> None:
    tally.unreadable += len(page.unreadable)
    found = Found()
    found.new = [
        SyncFinding(run=run, panel=run.panel, name=text, kind="unreadable", state="noted")
        for text in page.unreadable
    ]
    _write_down(found, tally)


def _finish(run: SyncRun, tally: Tally) -> None:
    """Mark the accesses whose account was not on any page, and close the run."""
    now = clock.now()
    keys = list(unseen(run.panel, before=run.started_at).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        take_missing(run, keys[start : start + BATCH], tally)
    if not run.panel.holds_changes:
        findings.settle_all(run.panel)
    strays.note_gone(run.panel, before=run.started_at)
    _keep(tally, finished_at=now, error="")
    Panel.objects.filter(pk=run.panel_id).update(synced_at=now)


def wanted_on(panel: Panel, at: datetime) -> "QuerySet[PanelAccount]":
    """Return the accounts that should be there and let their customers in, and were told so."""
    wanted = Access.objects.filter(is_enabled=True, is_gone=False, until__gt=at, is_dirty=False)
    return PanelAccount.objects.filter(panel=panel, placement=Placement.SERVING, access__in=wanted)


def unseen(panel: Panel, *, before: datetime) -> "QuerySet[PanelAccount]":
    """Return the accounts that should be on the panel and were not seen there since `before`."""
    return wanted_on(panel, clock.now()).filter(observed_at__lt=before)


def take_missing(run: SyncRun, keys: list[int], tally: Tally) -> None:
    """Have accounts brought back, or held, that are wanted and that the panel does not have."""
    accounts = list(PanelAccount.objects.filter(pk__in=keys).only("access", "name").order_by("pk"))
    before = findings.standing(accounts) if run.panel.holds_changes else {}
    found = Found()
    for account in accounts:
        finding = SyncFinding(
            run=run, panel=run.panel, access_id=account.access_id, account=account,
            name=account.name, kind=SyncFinding.Kind.MISSING,
        )  # fmt: skip
        findings.judge(found, finding, before.get(account.pk))
    tally.missing += len(accounts)
    backlog.mark_dirty(found.repairs)
    _write_down(found, tally)


def _keep(tally: Tally, **more: Any) -> None:
    counts = {name: value for name, value in vars(tally).items() if name not in PLACE}
    SyncRun.objects.filter(pk=tally.run).update(**counts, **more)


def remove_runs(before: datetime) -> int:
    """Delete what is kept of syncs that started before then, but for what staff have yet to decide on."""
    old = SyncRun.objects.filter(started_at__lt=before)
    standing = SyncFinding.objects.filter(state__in=SyncFinding.STANDING)
    old = old.exclude(pk__in=standing.values("run"))
    delete_in_batches(SyncFinding.objects.filter(run__in=old))
    return delete_in_batches(old)
