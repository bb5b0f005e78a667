"""The calls of a plan, made with no transaction open and without touching the database."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from threading import Lock

from core import clock
from core.said import said
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import (
    Desired,
    Observed,
    Outcome,
    PanelDriver,
    RotatesKeys,
    Wish,
    WorksInBatches,
)
from vpnpanel.errors import AccountFailed, AccountMissing, ChangeLost, PanelDown, PanelError, PanelRefused
from vpnpanel.models import Panel
from vpnpanel.plans import Plan, Result, Work
from vpnpanel.probing import look

log = logging.getLogger(__name__)


class Drivers:
    """One driver per panel, used by one thread at a time and closed with `stack`.

    A panel found to be away is not called again before it has come back: the next in line would wait for the
    same time-out.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._locks: defaultdict[int, Lock] = defaultdict(Lock)
        self._made: dict[int, PanelDriver] = {}
        self._away: dict[int, tuple[PanelDown, datetime | None]] = {}

    @contextmanager
    def borrow(self, panel: Panel) -> Iterator[PanelDriver]:
        """Wait for the panel's driver and use it alone. Raises PanelDown if the panel was found away."""
        with self._locks[panel.pk]:
            failed, up_changed_at = self._away.get(panel.pk, (None, None))
            if failed and panel.up_changed_at == up_changed_at:
                raise failed
            self._away.pop(panel.pk, None)
            if panel.pk not in self._made:
                self._made[panel.pk] = driver_for(panel)
                self._stack.callback(self._made[panel.pk].close)
            yield self._made[panel.pk]

    def note_away(self, panel: Panel, failed: PanelDown) -> None:
        """Remember that a panel is away, until its row says that something has changed since."""
        self._away[panel.pk] = failed, panel.up_changed_at


def carry_out(plan: Plan, drivers: Drivers) -> list[Result]:
    """Make the plan's calls, one after the other, and return how each ended. Raises nothing."""
    return [carry_out_one(work, drivers) for work in plan.works]


def carry_out_one(work: Work, drivers: Drivers) -> Result:
    """Make one call and return how it ended. Raises nothing; touches no database."""
    try:
        with drivers.borrow(work.account.panel) as driver:
            try:
                outcome: Outcome = _call(work.wish, driver)
            except PanelDown as failed:
                outcome = _judge(failed, work.account.panel, drivers)
    except PanelError as failed:
        return _result(work, failed)
    except Exception as failed:  # a bug met at one account must not stop the others
        log.exception("account %s: the driver broke", work.account.name)
        return _result(work, AccountFailed(said("the driver broke: %(error)s", error=type(failed).__name__)))
    return _result(work, outcome)


def carry_out_together(works: list[Work], drivers: Drivers) -> list[Result]:
    """Make the calls of works on one panel, together if it takes that; return how each ended, in their order.

    Raises nothing; touches no database. One by itself goes the way of `carry_out_one`.
    """
    if len(works) == 1:
        return [carry_out_one(works[0], drivers)]
    panel = works[0].account.panel
    try:
        with drivers.borrow(panel) as driver:
            if isinstance(driver, WorksInBatches):
                return _carry_out_batch(works, driver, drivers)
    except PanelError as failed:
        return [_result(work, failed) for work in works]
    except Exception:  # one of them meets a bug; one by one, the others need not
        log.exception("panel %s: the driver broke at a batch of %s", panel.pk, len(works))
    return [carry_out_one(work, drivers) for work in works]


def _carry_out_batch(works: list[Work], driver: WorksInBatches, drivers: Drivers) -> list[Result]:
    panel = works[0].account.panel
    try:
        outcomes = driver.carry_out([work.wish for work in works])
    except PanelDown as failed:
        outcomes = [failed] * len(works)
    lost = next((outcome for outcome in outcomes if isinstance(outcome, PanelDown)), None)
    if lost is not None:
        judged = _judge(lost, panel, drivers)
        outcomes = [judged if isinstance(outcome, PanelDown) else outcome for outcome in outcomes]
    return [_result(work, outcome) for work, outcome in zip(works, outcomes, strict=True)]


def _judge(failed: PanelDown, panel: Panel, drivers: Drivers) -> PanelError:
    """Tell a lost call from a panel that is away: only the latter makes everybody on it wait."""
    if look(panel).figures is not None:
        judged = ChangeLost(failed.sentence)
        judged.__cause__ = failed
        return judged
    drivers.note_away(panel, failed)
    return failed


def _call(wish: Wish, driver: PanelDriver) -> Observed | None:
    if wish.desired is None:
        driver.remove_account(wish.name)
        return None
    if wish.rotates:
        if not isinstance(driver, RotatesKeys):
            raise PanelRefused(said("this kind of panel cannot change the keys of an account"))
        with suppress(AccountMissing):  # whatever is made now has keys that nobody knows yet
            return driver.rotate_account(wish.name, wish.desired)
    return driver.put_account(wish.name, wish.desired, is_new=wish.is_new)


def _result(work: Work, outcome: Outcome) -> Result:
    desired, at = work.desired, clock.now()
    if isinstance(outcome, AccountMissing) and desired is not None and not desired.is_enabled:
        outcome = None  # nobody gets through, which is what was wanted
    if isinstance(outcome, PanelError):
        return Result(work, at, error=outcome)
    return Result(work, at, outcome, _mismatch(desired, outcome))


def _mismatch(desired: Desired | None, observed: Observed | None) -> AccountFailed | None:
    if desired is None or observed is None or observed.is_enabled == desired.is_enabled:
        return None
    if desired.is_enabled:
        text = said("the panel shows '%(status)s' for an account that should be on", status=observed.status)
    else:
        text = said("the panel shows '%(status)s' for an account that should be off", status=observed.status)
    return AccountFailed(text)
