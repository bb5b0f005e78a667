"""Whether a panel is what its row says: it answers, takes our administrator and has what we sell."""

from dataclasses import dataclass

from core.said import said
from vpnpanel.connections import ask
from vpnpanel.drivers.base import Figures, ListsInbounds, PanelDriver
from vpnpanel.errors import PanelRefused
from vpnpanel.models import Panel


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
        raise PanelRefused(said("the panel has no inbound to sell"))
    if missing := sorted(chosen - known):
        protocol, tag = missing[0]
        raise PanelRefused(
            said("the panel has no %(protocol)s inbound '%(tag)s'", protocol=protocol, tag=tag)
        )
    return Checkup(figures, found)
