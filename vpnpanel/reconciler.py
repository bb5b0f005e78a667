"""The only writer to panels: brings them from what they show to what the accesses say.

1. Claim a dirty access, newest change first, unless its panel is known not to answer.
2. In one short transaction settle its placements; a new account's name is committed here.
3. Call the panels with no transaction open. Drivers' verbs may be repeated, so a crash here costs nothing.
4. In one transaction, if the claim still holds, record what was seen, and the generation read at step 2.
   A change made meanwhile leaves the access dirty, so it is worked off again.
Panels are called side by side in threads that never touch the database, one call at a time each; meanwhile
the next access of each panel is planned.
"""

import logging
import time
from collections import Counter
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

PANELS_AT_ONCE = 4
PLANS_PER_PANEL = 2
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
    with ExitStack() as stack:
        return _Sweep(installation, stack, budget_seconds).run()


@dataclass(frozen=True)
class _Running:
    """A plan whose calls are under way or next in line."""

    plan: Plan
    since: float

    @property
    def is_slow(self) -> bool:
        return time.monotonic() - self.since > SLOW_SECONDS

    @property
    def panels(self) -> set[int]:
        return {work.account.panel_id for work in self.plan.works}


class _Sweep:
    """One round over what is due. Only its `run` touches the database."""

    def __init__(self, installation: Installation, stack: ExitStack, budget_seconds: float) -> None:
        self._installation = installation
        self._drivers = Drivers(stack)
        self._pool = stack.enter_context(
            ThreadPoolExecutor(PANELS_AT_ONCE * PLANS_PER_PANEL, thread_name_prefix="reconcile")
        )
        self._give_up_at = time.monotonic() + budget_seconds
        self._running: dict[Future[list[Result]], _Running] = {}
        callable_panels = Panel.objects.filter(is_up=True).exclude(state=Panel.State.OFF)
        self._panels = set(callable_panels.values_list("pk", flat=True))

    def run(self) -> int:
        try:
            return self._work_off()
        finally:
            for done, running in self._running.items():  # only after a bug: what was called is still recorded
                _finish_or_log(running.plan, done.result())

    def _work_off(self) -> int:
        tried = 0
        while True:
            plan = self._next_plan() if self._has_time() else None
            if plan is not None:
                self._running[self._pool.submit(carry_out, plan, self._drivers)] = _Running(
                    plan, time.monotonic()
                )
                continue
            if not self._running:
                return tried
            for done in wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                _finish_or_log(self._running.pop(done).plan, done.result())
                tried += 1

    def _has_time(self) -> bool:
        """A panel that hangs holds the sweep up: meanwhile the others are served past the time given."""
        return time.monotonic() < self._give_up_at or any(each.is_slow for each in self._running.values())

    def _busy(self) -> set[int]:
        lines = Counter(panel for each in self._running.values() for panel in each.panels)
        if len(lines) >= PANELS_AT_ONCE:
            return self._panels
        return {panel for panel, length in lines.items() if length >= PLANS_PER_PANEL}

    def _next_plan(self) -> Plan | None:
        """Claim and plan the next access that no busy panel keeps waiting; None if there is none."""
        busy = self._busy()
        if self._panels and self._panels <= busy:
            return None
        while claimed := claims.claim(due(busy), limit=1, lease_seconds=LEASE_SECONDS):
            try:
                plan = make_plan(claimed[0], self._installation)
            except LeaseLost:
                continue
            if busy.isdisjoint(work.account.panel_id for work in plan.works):
                return plan
            # It was given a place on a busy panel just now: put it back, its turn comes with that panel.
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
