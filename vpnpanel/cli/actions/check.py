"""Ask panels whether the shop can sell on them."""

from argparse import ArgumentParser
from typing import Any

from core.errors import ShopError
from vpnpanel.checkup import check
from vpnpanel.cli.frame import Console, Exit, panels_named, take_names
from vpnpanel.models import Panel

HELP = "ask panels whether the shop can sell on them"


def arguments(parser: ArgumentParser) -> None:
    take_names(parser, "all that are not off")


def run(options: dict[str, Any], console: Console) -> Exit:
    panels = panels_named(
        options["names"], otherwise=[state for state in Panel.State if state != Panel.State.OFF]
    )
    answers = []
    with console.progress("check") as bar:
        for done, panel in enumerate(panels):
            bar.show(done, len(panels))
            answers.append(_ask(panel))
    for answer in answers:
        if answer["error"]:
            console.complain(f"{answer['name']}: {answer['error']}")
        else:
            tags = ", ".join(tag for tags in answer["inbounds"].values() for tag in tags)
            console.say(f"{answer['name']}: version {answer['version']}, inbounds: {tags}")
    console.keep(panels=answers)
    failed = sum(bool(answer["error"]) for answer in answers)
    if failed:
        console.complain(f"{failed} of the panels cannot be sold on.")
    return Exit.ATTENTION if failed else Exit.FINE


def _ask(panel: Panel) -> dict[str, Any]:
    try:
        found = check(panel)
    except ShopError as wrong:
        return {"name": panel.name, "error": str(wrong)}
    return {
        "name": panel.name,
        "error": "",
        "version": found.figures.version,
        "accounts": found.figures.accounts,
        "inbounds": found.inbounds,
    }
