"""Make every call of the shop to panels, on an account of nobody."""

from argparse import ArgumentParser
from typing import Any

from core.models import Job
from vpnpanel.cli.frame import Console, Exit, panels_named, run_job, take_names
from vpnpanel.guard import words
from vpnpanel.models import Panel
from vpnpanel.services import guard

HELP = "test whether panels do what the shop asks of them; one that fails is closed for sale"
SIGNS = {"passed": "ok", "failed": "FAILED", "skipped": "-"}


def arguments(parser: ArgumentParser) -> None:
    take_names(parser, "all that serve")


def run(options: dict[str, Any], console: Console) -> Exit:
    code = Exit.FINE
    results = []
    for panel in panels_named(options["names"], otherwise=guard.TESTABLE):
        job = run_job(guard.KIND, panel.pk, console, label=f"test {panel.name}", tries=guard.TRIES)
        panel.refresh_from_db()
        outcome = job.result.get("outcome", "") if job.state == Job.State.DONE else "stopped"
        _tell(panel, job, outcome, console)
        if outcome != "passed":
            code = Exit.ATTENTION
        results.append(
            {"name": panel.name, "outcome": outcome, "error": str(job.error), "report": panel.guard_report}
        )
    console.keep(panels=results)
    return code


def _tell(panel: Panel, job: Job, outcome: str, console: Console) -> None:
    console.say(f"{panel.name}: {outcome}")
    if outcome in guard.UNFINISHED:
        console.complain(f"{panel.name}: nothing was concluded. {words.why_unfinished(panel)}")
        return
    if outcome == "stopped":
        console.complain(f"{panel.name}: {job.error or job.state}")
        return
    for line in words.lines(panel):
        console.say(f"  {SIGNS[line.state]:7}{line.title} ({line.seconds:.2f} s) {line.words}".rstrip())
    for advice in words.advice(panel):
        console.say(f"  advice: {advice}")
    if why := words.why_failed(panel):
        console.complain(f"{panel.name} is closed for sale. {why}")
