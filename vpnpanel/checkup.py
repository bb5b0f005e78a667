"""Whether a panel is what its row says: it answers, takes our administrator and has what we sell."""

from dataclasses import dataclass

from core.jobs import Step
from core.models import Job
from core.services import require_installation
from vpnpanel.connections import ask
from vpnpanel.drivers.base import Figures, ListsInbounds, PanelDriver
from vpnpanel.errors import PanelDown, PanelError, PanelRefused
from vpnpanel.models import Panel
from vpnpanel.outages import keep_figures, mark_down, mark_up

KIND = "panel_check"


@dataclass(frozen=True)
class Checkup:
    """What a sound panel answered. `inbounds` by protocol; empty where the kind of panel has none."""

    figures: Figures
    inbounds: dict[str, list[str]]


def check(panel: Panel) -> Checkup:
    """Ask a panel, saved or not, whether the shop can sell on it. Raises PanelDown or PanelRefused."""
    return ask(panel, lambda driver: _check(panel, driver))


def _check(panel: Panel, driver: PanelDriver) -> Checkup:
    figures = driver.figures()
    found = driver.inbounds() if isinstance(driver, ListsInbounds) else {}
    known = {(protocol, tag) for protocol, tags in found.items() for tag in tags}
    chosen = {(protocol, tag) for protocol, tags in panel.inbounds.items() for tag in tags}
    if isinstance(driver, ListsInbounds) and not known:
        raise PanelRefused("the panel has no inbound to sell")
    if missing := sorted(chosen - known):
        protocol, tag = missing[0]
        raise PanelRefused(f"the panel has no {protocol} inbound {tag!r}")
    return Checkup(figures, found)


def step(job: Job) -> Step:
    """Check one panel as a job, and note down whether it answers. Raises what is wrong with it, for good."""
    require_installation()
    panel = Panel.objects.get(pk=int(job.subject))
    try:
        found = check(panel)
    except PanelError as failed:
        if isinstance(failed, PanelDown):
            mark_down(panel.pk, str(failed))
        raise PanelRefused(str(failed)) from failed
    mark_up(panel)
    keep_figures(panel, found.figures)
    result = {
        "version": found.figures.version,
        "accounts": found.figures.accounts,
        "inbounds": found.inbounds,
    }
    return Step(cursor=None, done=1, total=1, is_last=True, result=result)
