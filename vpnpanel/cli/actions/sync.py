"""Read every account of panels and mark what differs."""

from argparse import ArgumentParser
from typing import Any

from core.models import Job
from vpnpanel.cli.frame import Console, Exit, panels_named, run_job, take_names
from vpnpanel.models import Panel
from vpnpanel.services import sync

HELP = "read every account of panels and mark what differs"
FINDINGS = {
    "drifted": "drifted",
    "missing": "missing",
    "returned": "came back",
    "relimited": "limits to follow",
    "held": "held for approval",
    "strays": "new in quarantine",
    "unreadable": "cannot be read",
}


def arguments(parser: ArgumentParser) -> None:
    take_names(parser, "all that serve")


def run(options: dict[str, Any], console: Console) -> Exit:
    code = Exit.FINE
    results = []
    for panel in panels_named(options["names"], otherwise=Panel.SERVING):
        job = run_job(sync.KIND, panel.pk, console, label=f"sync {panel.name}")
        is_done = job.state == Job.State.DONE
        if is_done:
            console.say(f"{panel.name}: {_text(job.result)}")
        else:
            console.complain(f"{panel.name}: {job.error}")
            code = Exit.ATTENTION
        results.append({"name": panel.name, "error": "" if is_done else str(job.error), **job.result})
    console.keep(panels=results)
    return code


def _text(counts: dict[str, Any]) -> str:
    """Return what a run met, without what it did not meet."""
    met = [f"{counts[name]} {words}" for name, words in FINDINGS.items() if counts.get(name)]
    read = f"{counts['accounts']} accounts of ours, {counts['foreign']} foreign, {counts['calls']} calls"
    return f"{read}; {', '.join(met) or 'nothing differs'}"
