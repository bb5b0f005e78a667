"""Take over the accounts a panel had before the shop, with their customers."""

from argparse import ArgumentParser
from typing import Any

from core.models import Job
from core.said import Sentence
from vpnpanel.cli.frame import Console, Exit, panels_named, run_job

HELP = "take over the accounts a panel had before the shop; nothing on the panel changes"
# The jobs are of a later room, which knows customers and plans: they go by their names.
KIND, PREVIEW = "panel_adopt", "panel_adopt_preview"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("panel", metavar="PANEL", help="the panel's name")
    parser.add_argument("--dry-run", action="store_true", help="only show what would become of them")
    parser.add_argument("--plan", default="", metavar="CODE", help="the plan they are to be on")
    parser.add_argument(
        "--match",
        default="",
        metavar="PATTERN",
        help=r"regular expression that finds a Telegram id in note or name, in its first group: 'tg(\d+)'",
    )
    parser.add_argument(
        "--endless-days",
        type=int,
        default=0,
        metavar="DAYS",
        help="time for accounts without an end (default: they are refused); the panel is told their end",
    )
    parser.add_argument("--quarantined", action="store_true", help="also those that are in quarantine")


def run(options: dict[str, Any], console: Console) -> Exit:
    (panel,) = panels_named([options["panel"]], otherwise=())
    is_dry = options["dry_run"]
    params = {name: options[name] for name in ("plan", "match", "endless_days", "quarantined")}
    job = run_job(PREVIEW if is_dry else KIND, panel.pk, console, label=f"adopt {panel.name}", **params)
    lines = [_spelt_out(line) for line in job.result.get("lines", ())]
    for line in lines:
        console.say(f"{line['name']}: {line.get('why_not') or _becomes(line)}")
    if left_out := job.result.get("lines_left_out"):
        console.say(f"and {left_out} more.")
    console.keep(panel=panel.name, is_dry_run=is_dry, error=str(job.error), **{**job.result, "lines": lines})
    if job.state != Job.State.DONE:
        console.complain(f"{panel.name}: {job.error}")
        return Exit.ATTENTION
    verb = "would be taken over" if is_dry else "taken over"
    counts = job.result
    console.say(
        f"{counts['adopted']} {verb}, {counts['by_telegram']} of them by a Telegram id; "
        f"{counts['refused']} left as they are, {counts['known']} the shop's already."
    )
    return Exit.ATTENTION if counts["refused"] else Exit.FINE


def _spelt_out(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line with its sentences as texts."""
    sentences = {name: str(Sentence(**line[name])) for name in ("becomes", "why_not") if name in line}
    return line | sentences


def _becomes(line: dict[str, Any]) -> str:
    limit = f"{line['limit'] / 2**30:.1f} GB" if line.get("limit") else "no limit"
    return f"-> {line['becomes']}, until {line['end'][:10]}, {limit}"
