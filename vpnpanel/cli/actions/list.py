"""Show every panel."""

from argparse import ArgumentParser
from typing import Any

from vpnpanel.cli.frame import Console, Exit
from vpnpanel.models import Panel

HELP = "show every panel"


def arguments(parser: ArgumentParser) -> None:
    """It takes nothing."""


def run(options: dict[str, Any], console: Console) -> Exit:
    panels = list(Panel.objects.order_by("name"))
    for panel in panels:
        answers = "up" if panel.is_up else "DOWN"
        shown = (panel.name, panel.state, answers, panel.load, panel.base_url, panel.kind, panel.guard)
        console.say("\t".join(map(str, shown)))
    console.keep(panels=[_plain(panel) for panel in panels])
    return Exit.FINE


def _plain(panel: Panel) -> dict[str, Any]:
    return {
        "name": panel.name,
        "kind": panel.kind,
        "version": panel.version,
        "state": panel.state,
        "is_up": panel.is_up,
        "guard": panel.guard,
        "load": panel.load,
        "capacity": panel.capacity,
        "url": panel.base_url,
    }
