"""The only writer to panels: brings them from what they show to what the accesses say.

1. Claim a dirty access, newest change first, unless its panel is known not to answer.
2. In one short transaction settle its placements; a new account's name is committed here.
3. Call the panels with no transaction open. Drivers' verbs may be repeated, so a crash here costs nothing.
4. In one transaction, if the claim still holds, record what was seen, and the generation read at step 2.
   A change made meanwhile leaves the access dirty, so it is worked off again.
Panels are called side by side in threads that never touch the database, one call at a time each.
"""

import logging
import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from core import claims, clock
from core.errors import LeaseLost
from core.models import Installation
from core.services import require_installation
from vpnpanel.calls import Drivers, Result, carry_out
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.placement import Plan, make_plan
from vpnpanel.recording import finish

log = logging.getLogger(__name__)

THREADS = 4
BUDGET_SECONDS = 20.0
# Two calls that both wait for their time-outs, and a check of the panel; a third finds the lease gone.
LEASE_SECONDS = 100.0
SLOW_SECONDS = 5.0
REPEATS = 3


def reconcile_one(access_id: int) -> bool:
    """Bring the panels to what the access says now; tell whether they are there.

    Safe to repeat and to run at once with the sweep: an access that is being worked on is left alone.
    """
    installation = require_installation()
    wanted = Access.objects.filter(pk=access_id, is_dirty=True)
    for _ in range(REPEATS):  # a change made during the call is applied at once
        claimed = claims.claim(wanted, limit=1, lease_seconds=LEASE_SECONDS)
        if not claimed:
            break
        with ExitStack() as closing:
            try:
                plan = make_plan(claimed[0], installation)
            except LeaseLost:
                return False
            recorded = finish(plan, carry_out(plan, Drivers(closing)))
        if not recorded or not wanted.filter(next_try_at__isnull=True).exists():
            break
    return not wanted.exists()


def reconcile_due(budget_seconds: float = BUDGET_SECONDS) -> int:
    """Work off dirty accesses for about `budget_seconds`; return how many were tried.

    May run at once in several processes.
    """
    installation = require_installation()
    tried = 0
    running: dict[Future[list[Result]], Running] = {}
    give_up_at = time.monotonic() + budget_seconds
    with ExitStack() as stack:
        drivers = Drivers(stack)
        pool = stack.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="reconcile"))
        while True:
            has_time = time.monotonic() < give_up_at or any(each.is_slow for each in running.values())
            if has_time and len(running) < THREADS:
                plan = _next_plan(installation, running.values())
                if plan is not None:
                    running[pool.submit(carry_out, plan, drivers)] = Running(plan, time.monotonic())
                    continue
            if not running:
                return tried
            for done in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                _finish_or_log(running.pop(done).plan, done.result())
                tried += 1


@dataclass(frozen=True)
class Running:
    plan: Plan
    since: float

    @property
    def is_slow(self) -> bool:
        """A panel that hangs holds one thread; the others go on meanwhile, past the time given."""
        return time.monotonic() - self.since > SLOW_SECONDS

    @property
    def panels(self) -> set[int]:
        return {work.account.panel_id for work in self.plan.works}


def _next_plan(installation: Installation, running: Collection[Running]) -> Plan | None:
    """Claim and plan the next access whose panels are free; None if there is none."""
    busy = {panel for each in running for panel in each.panels}
    while claimed := claims.claim(due(busy), limit=1, lease_seconds=LEASE_SECONDS):
        try:
            plan = make_plan(claimed[0], installation)
        except LeaseLost:
            continue
        if busy.isdisjoint(work.account.panel_id for work in plan.works):
            return plan
        # It was given a place on a busy panel just now: give it back, it comes when that panel is free.
        claims.record(plan.access)
    return None


def due(busy_panels: Collection[int] = ()) -> QuerySet[Access]:
    """Return dirty accesses to try now, newest change first; not those waiting for a panel to come back."""
    accounts = PanelAccount.objects.filter(access=OuterRef("pk"))
    waiting = accounts.filter(
        placement__in=PanelAccount.LIVE, panel__state__in=Panel.SERVING, panel__is_up=False
    )
    is_time = Q(next_try_at__isnull=True) | Q(next_try_at__lte=clock.now())
    rows = Access.objects.filter(is_time, ~Exists(waiting), is_dirty=True)
    if busy_panels:
        on_busy = accounts.filter(panel__in=busy_panels).exclude(placement=PanelAccount.Placement.GONE)
        rows = rows.filter(~Exists(on_busy))
    return rows.order_by("-changed_at")


def _finish_or_log(plan: Plan, results: list[Result]) -> None:
    """Record one access; a bug met there must not stop the others, whose calls are already made."""
    try:
        finish(plan, results)
    except Exception:
        log.exception("what became of access %s could not be recorded", plan.access.pk)
