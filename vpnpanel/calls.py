"""The calls of a plan, made with no transaction open and without touching the database."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from core import clock
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Desired, Observed, PanelDriver
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError
from vpnpanel.models import Panel
from vpnpanel.outages import look
from vpnpanel.placement import Plan, Work

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """How one call ended: what the panel shows (None: no such account), or the error; and when."""

    work: Work
    at: datetime
    observed: Observed | None = None
    error: PanelError | None = None


@dataclass
class Drivers:
    """One driver per panel, closed with `stack`. Two threads must not ask for the same panel at once."""

    stack: ExitStack
    _by_panel: dict[int, PanelDriver] = field(default_factory=dict)

    def of(self, panel: Panel) -> PanelDriver:
        if panel.pk not in self._by_panel:
            self._by_panel[panel.pk] = driver_for(panel)
            self.stack.callback(self._by_panel[panel.pk].close)
        return self._by_panel[panel.pk]


def carry_out(plan: Plan, drivers: Drivers) -> list[Result]:
    """Make the plan's calls, one after the other, and return how each ended. Raises nothing."""
    return [_carry_out(work, drivers) for work in plan.works]


def _carry_out(work: Work, drivers: Drivers) -> Result:
    try:
        observed = _call(work, drivers.of(work.account.panel))
    except PanelDown as failed:
        return Result(work, clock.now(), error=_judge_outage(work.account.panel, failed))
    except PanelError as failed:
        return Result(work, clock.now(), error=failed)
    except Exception as failed:  # a bug met at one account must not stop the others
        log.exception("account %s: the driver broke", work.account.name)
        return Result(work, clock.now(), error=AccountFailed(f"the driver broke: {type(failed).__name__}"))
    return Result(work, clock.now(), observed, _mismatch(work.desired, observed))


def _call(work: Work, driver: PanelDriver) -> Observed | None:
    if work.desired is None:
        driver.remove_account(work.account.name)
        return None
    try:
        return driver.put_account(work.account.name, work.desired, is_new=work.account.serving_at is None)
    except AccountMissing:
        if work.desired.is_enabled:
            raise
        return None  # nobody gets through, which is what was wanted


def _judge_outage(panel: Panel, failed: PanelDown) -> PanelError:
    """Tell one lost call from a panel that is away: only the latter makes everybody on it wait."""
    if look(panel).figures is None:
        return failed
    return AccountFailed(str(failed))


def _mismatch(desired: Desired | None, observed: Observed | None) -> AccountFailed | None:
    if desired is None or observed is None or observed.is_enabled == desired.is_enabled:
        return None
    wanted = "on" if desired.is_enabled else "off"
    return AccountFailed(f"the panel shows {observed.status!r} for an account that should be {wanted}")
