"""The only writer to panels: brings them from what they show to what the accesses say.

1. Claim a dirty access, newest change first, unless all it waits for is a panel that does not answer.
2. In one short transaction settle its placements; a new account's name is committed here.
3. Call the panels with no transaction open. Drivers' verbs may be repeated, so a crash here costs nothing.
4. In one transaction, if the claim still holds, record what was seen, and the generation read at step 2.
   A change made meanwhile leaves the access dirty, so it is worked off again.
Panels are called side by side in threads that never touch the database, one call at a time each; meanwhile
the next accesses are planned, and what waits for the same panel goes to it together where it takes that. The
panels of one access are called at once, and each answer is recorded as it comes. Panels with as much waiting
as fits into a batch are left out of a plan: their turn comes, and meanwhile the others serve.
"""

import logging
import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q, QuerySet

from core import claims, clock
from core.errors import LeaseLost
from core.models import Installation
from core.services import require_installation
from vpnpanel.calls import Drivers, carry_out, carry_out_one
from vpnpanel.lines import THREADS, Lines
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.plans import Plan, Result
from vpnpanel.services.placement import make_plan
from vpnpanel.services.recording import finish, note_progress, put_off
from vpnpanel.writers import WAIT_SECONDS, Writers, reserve

log = logging.getLogger(__name__)

PANELS_AT_ONCE = 4
BUDGET_SECONDS = 20.0
# Longer than one account of a quick panel takes; claims of slow ones are prolonged while calls are under way.
LEASE_SECONDS = 100.0
KEEP_EVERY_SECONDS = 20.0
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
            writers = Writers()
            closing.callback(writers.drop)
            try:
                plan = reserve(make_plan(claimed[0], installation), writers, wait_seconds=WAIT_SECONDS)
            except LeaseLost:
                return False
            if plan.is_partial and not plan.works:
                claims.record(plan.access)  # somebody else writes to its panel: the sweep comes back to it
                return False
            recorded = _call_and_record(plan, Drivers(closing), writers)
        if not recorded or not wanted.filter(next_try_at__isnull=True).exists():
            break
    return not wanted.exists()


def _call_and_record(plan: Plan, drivers: Drivers, writers: Writers) -> bool:
    """Call the plan's panels side by side and record each answer as it comes; tell whether the claim held."""
    if len(plan.works) < 2 and not writers.hold_any:
        return finish(plan, carry_out(plan, drivers))
    running = _Running(plan)
    results: list[Result] = []
    with ThreadPoolExecutor(min(len(plan.works), THREADS), thread_name_prefix="reconcile") as pool:
        calls = {pool.submit(carry_out_one, work, drivers) for work in plan.works}
        while calls:
            done, calls = wait(calls, timeout=1.0, return_when=FIRST_COMPLETED)
            writers.keep()
            running.keep()
            for call in done:
                results.append(call.result())
                if len(results) < len(plan.works):
                    note_progress(plan, results[-1])
    return finish(plan, results, noted=len(results) - 1)


def reconcile_due(budget_seconds: float = BUDGET_SECONDS) -> int:
    """Work off dirty accesses for about `budget_seconds`; return how many were tried.

    May run at once in several processes.
    """
    installation = require_installation()
    with ExitStack() as stack:
        return _Sweep(installation, stack, budget_seconds).run()


@dataclass(eq=False)
class _Running:
    """A plan whose calls are under way or next in line, with what came of them so far."""

    plan: Plan
    kept_at: float = field(default_factory=time.monotonic)
    results: list[Result] = field(default_factory=list)

    def keep(self) -> None:
        """Prolong the claim now and then. Who lost it nevertheless finds that out when recording."""
        if time.monotonic() - self.kept_at > KEEP_EVERY_SECONDS:
            claims.prolong(self.plan.access, lease_seconds=LEASE_SECONDS)
            self.kept_at = time.monotonic()

    def take(self, *results: Result) -> bool:
        """Record the next result, none where there is nothing to call; tell whether the plan has ended.

        A bug met there must not stop the others, whose calls are already made.
        """
        noted = len(self.results)
        self.results += results
        is_last = len(self.results) == len(self.plan.works)
        try:
            if is_last:
                finish(self.plan, self.results, noted=noted)
            else:
                note_progress(self.plan, *results)
        except Exception:
            log.exception("what became of access %s could not be recorded", self.plan.access.pk)
        return is_last


class _Sweep:
    """One round over what is due. Only its `run` touches the database."""

    def __init__(self, installation: Installation, stack: ExitStack, budget_seconds: float) -> None:
        self._installation = installation
        self._writers = Writers()
        stack.callback(self._writers.drop)
        self._lines: Lines[_Running] = Lines(Drivers(stack), stack)
        self._under_way: set[_Running] = set()
        self._give_up_at = time.monotonic() + budget_seconds
        self._tried = 0
        callable_panels = Panel.objects.filter(is_up=True).exclude(state=Panel.State.OFF)
        self._panels = set(callable_panels.values_list("pk", flat=True))

    def run(self) -> int:
        try:
            self._work_off()
        finally:
            while self._lines:  # only after a bug: what was called is still recorded
                self._take(wait_seconds=1.0)
        return self._tried

    def _work_off(self) -> None:
        while True:
            self._keep_up()
            if (plan := self._next_plan()) is not None:
                self._begin(plan)
            elif self._lines:
                self._take(wait_seconds=1.0)
            else:
                return

    def _begin(self, plan: Plan) -> None:
        running = _Running(plan)
        if not plan.works:
            running.take()
            self._tried += 1
            return
        self._under_way.add(running)
        for work in plan.works:
            self._lines.add(work, running)

    def _keep_up(self) -> None:
        """Prolong what is held for calls under way, and record what came of those that are over."""
        self._writers.keep()
        for running in self._under_way:
            running.keep()
        self._take()

    def _take(self, *, wait_seconds: float = 0) -> None:
        for running, result in self._lines.take(wait_seconds):
            if running.take(result):
                self._under_way.remove(running)
                self._tried += 1

    @property
    def _has_time(self) -> bool:
        return time.monotonic() < self._give_up_at

    def _busy(self) -> set[int]:
        """Return the panels that nothing more is planned for now.

        One that hangs holds the sweep up: meanwhile the others are served past the time given.
        """
        busy = self._lines.full | self._writers.elsewhere
        if not self._has_time:
            busy |= self._lines.slow
        if len(self._lines.in_use - self._lines.slow) >= PANELS_AT_ONCE:
            busy |= self._panels - self._lines.in_use
        return busy

    def _next_plan(self) -> Plan | None:
        """Claim and plan the next access that a free panel can do something for; None if there is none."""
        put_back: list[int] = []
        # What was put back may still look due: it is not claimed again and again.
        while self._has_time or self._lines.slow:
            busy = self._busy()
            if self._panels and self._panels <= busy:
                break
            ready = due(busy).exclude(pk__in=put_back)
            if not (claimed := claims.claim(ready, limit=1, lease_seconds=LEASE_SECONDS)):
                break
            try:
                plan = reserve(make_plan(claimed[0], self._installation, busy), self._writers)
            except LeaseLost:
                continue
            except Exception as failed:  # one broken row must not stop the others
                log.exception("access %s could not be planned", claimed[0].pk)
                put_off(claimed[0], f"it could not be planned: {type(failed).__name__}")
                continue
            if plan.works or not plan.is_partial:
                return plan
            # It has or was just given a place on a busy panel: put it back, its turn comes with that panel.
            claims.record(plan.access)
            put_back.append(plan.access.pk)
            self._keep_up()  # there may be thousands of them
        return None


def due(busy_panels: Collection[int] = ()) -> QuerySet[Access]:
    """Return dirty accesses to try now, newest change first.

    Whoever was tried since the last change and only waits for a panel to come back is not among them, nor
    whoever only the panels that are busy could do something for.
    """
    accounts = PanelAccount.objects.filter(access=OuterRef("pk"))
    away = accounts.filter(
        placement__in=PanelAccount.LIVE,
        serving_at__isnull=False,  # else another panel may take its place
        panel__state__in=Panel.SERVING,
        panel__is_up=False,
    )
    is_behind = (
        Q(placement=PanelAccount.Placement.JOINING)
        | Q(placement=PanelAccount.Placement.LEAVING, serves_until__isnull=True)
        | Q(serves_until__lte=clock.now())
        | Q(applied_generation__lt=OuterRef("generation"))
        | ~Q(error="")
    )
    here = accounts.filter(panel__is_up=True).exclude(panel__state=Panel.State.OFF)
    behind = here.exclude(placement=PanelAccount.Placement.GONE).filter(is_behind)
    is_fresh = Q(next_try_at__isnull=True)
    is_time = Q(next_try_at__lte=clock.now()) & (~Exists(away) | Exists(behind))
    rows = Access.objects.filter(is_fresh | is_time, is_dirty=True)
    if busy_panels:
        on_busy = accounts.filter(panel__in=busy_panels).exclude(placement=PanelAccount.Placement.GONE)
        rows = rows.filter(~Exists(on_busy) | Exists(behind.exclude(panel__in=busy_panels)))
    return rows.order_by("-changed_at")
