"""Read every account of panels and mark what differs."""

from argparse import ArgumentParser
from typing import Any

from core.models import Job
from vpnpanel.cli.frame import Console, Exit, panels_named, run_job, take_names
from vpnpanel.models import Panel
from vpnpanel.services import sync

HELP = "read every account of panels and mark what differs"


def arguments(parser: ArgumentParser) -> None:
    take_names(parser, "all that serve")


def run(options: dict[str, Any], console: Console) -> Exit:
    code = Exit.FINE
    results = []
    for panel in panels_named(options["names"], otherwise=Panel.SERVING):
        job = run_job(sync.KIND, panel.pk, console, label=f"sync {panel.name}")
        is_done = job.state == Job.State.DONE
        if is_done:
            console.say(f"{panel.name}: {job.result}")
        else:
            console.complain(f"{panel.name}: {job.error}")
            code = Exit.ATTENTION
        results.append({"name": panel.name, "error": "" if is_done else job.error, **job.result})
    console.keep(panels=results)
    return code
