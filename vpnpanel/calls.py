"""The calls of a plan, made with no transaction open and without touching the database."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from core import clock
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Desired, Observed, PanelDriver, RotatesKeys
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError, PanelRefused
from vpnpanel.models import Panel
from vpnpanel.plans import Plan, Result, Work
from vpnpanel.probing import look

log = logging.getLogger(__name__)


class Drivers:
    """One driver per panel, used by one thread at a time and closed with `stack`.

    A panel found to be away is not called again: the next in line would wait for the same time-out.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._locks: defaultdict[int, Lock] = defaultdict(Lock)
        self._made: dict[int, PanelDriver] = {}
        self.away: dict[int, PanelDown] = {}

    @contextmanager
    def borrow(self, panel: Panel) -> Iterator[PanelDriver]:
        """Wait for the panel's driver and use it alone. Raises PanelDown if the panel was found away."""
        with self._locks[panel.pk]:
            if panel.pk in self.away:
                raise self.away[panel.pk]
            if panel.pk not in self._made:
                self._made[panel.pk] = driver_for(panel)
                self._stack.callback(self._made[panel.pk].close)
            yield self._made[panel.pk]


def carry_out(plan: Plan, drivers: Drivers) -> list[Result]:
    """Make the plan's calls, one after the other, and return how each ended. Raises nothing."""
    return [carry_out_one(work, drivers) for work in plan.works]


def carry_out_one(work: Work, drivers: Drivers) -> Result:
    """Make one call and return how it ended. Raises nothing; touches no database."""
    panel = work.account.panel
    try:
        with drivers.borrow(panel) as driver:
            observed = _call_or_judge(work, driver, drivers)
    except PanelError as failed:
        return Result(work, clock.now(), error=failed)
    except Exception as failed:  # a bug met at one account must not stop the others
        log.exception("account %s: the driver broke", work.account.name)
        return Result(work, clock.now(), error=AccountFailed(f"the driver broke: {type(failed).__name__}"))
    return Result(work, clock.now(), observed, _mismatch(work.desired, observed))


def _call_or_judge(work: Work, driver: PanelDriver, drivers: Drivers) -> Observed | None:
    """Tell one lost call from a panel that is away: only the latter makes everybody on it wait."""
    panel = work.account.panel
    try:
        return _call(work, driver)
    except PanelDown as failed:
        if look(panel).figures is not None:
            raise AccountFailed(str(failed)) from failed
        drivers.away[panel.pk] = failed
        raise


def _call(work: Work, driver: PanelDriver) -> Observed | None:
    if work.desired is None:
        driver.remove_account(work.account.name)
        return None
    try:
        return _put(work, work.desired, driver)
    except AccountMissing:
        if work.desired.is_enabled:
            raise
        return None  # nobody gets through, which is what was wanted


def _put(work: Work, desired: Desired, driver: PanelDriver) -> Observed:
    if work.rotates:
        if not isinstance(driver, RotatesKeys):
            raise PanelRefused("this kind of panel cannot change the keys of an account")
        try:
            return driver.rotate_account(work.account.name, desired)
        except AccountMissing:
            pass  # whatever is made now has keys that nobody knows yet
    return driver.put_account(work.account.name, desired, is_new=work.account.serving_at is None)


def _mismatch(desired: Desired | None, observed: Observed | None) -> AccountFailed | None:
    if desired is None or observed is None or observed.is_enabled == desired.is_enabled:
        return None
    wanted = "on" if desired.is_enabled else "off"
    return AccountFailed(f"the panel shows {observed.status!r} for an account that should be {wanted}")
