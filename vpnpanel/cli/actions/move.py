"""Move the customers of a panel to another, and follow the move to its end."""

import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from vpnpanel import mover
from vpnpanel.cli.frame import ACTOR, OTHER_WORKER_SECONDS, Console, Exit, WrongUsage, panels_named
from vpnpanel.models import MOST_IN_FLIGHT, Move, Panel
from vpnpanel.previews import Preview, preview
from vpnpanel.services import moves

HELP = "move the customers of a panel to another; each keeps the old server until the new one works"
STEP_SECONDS = 2.0


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", required=True, metavar="NAME", help="the panel to empty")
    parser.add_argument(
        "--to", dest="target", metavar="NAME", help="where to (default: wherever their groups have room)"
    )
    parser.add_argument(
        "--batch", type=int, default=10, help=f"customers at a time, up to {MOST_IN_FLIGHT} (default: 10)"
    )
    parser.add_argument(
        "--grace",
        type=int,
        metavar="HOURS",
        help="old servers serve on so long (default: as the rules say)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what it would mean")


def run(options: dict[str, Any], console: Console) -> Exit:
    if not 1 <= options["batch"] <= MOST_IN_FLIGHT:
        raise WrongUsage(f"--batch takes 1 to {MOST_IN_FLIGHT}.")
    names = [options["source"], *([options["target"]] if options["target"] else [])]
    found = {panel.name: panel for panel in panels_named(names, otherwise=())}
    source, target = found[options["source"]], found.get(options["target"])
    seen = preview(source, target)
    console.keep(preview={**asdict(seen), "outside": seen.outside, "too_many": seen.too_many})
    _tell(seen, source, target, console)
    if options["dry_run"] or seen.problem:
        return Exit.ATTENTION if seen.problem or seen.too_many else Exit.FINE
    asked = {"batch": options["batch"], "grace_hours": options["grace"]}
    move = moves.start_move(source.pk, target.pk if target else None, actor=ACTOR, **asked)
    _follow(move, console)
    console.say(f"{move.moved} moved, {move.failed} not moved.")
    console.keep(move=move.pk, state=move.state, moved=move.moved, failed=move.failed, trouble=move.trouble)
    if move.state != Move.State.DONE:
        console.complain(f"The move is {move.state}: {move.trouble or 'stopped by somebody'}")
    return Exit.FINE if move.state == Move.State.DONE and not move.failed else Exit.ATTENTION


def _tell(seen: Preview, source: Panel, target: Panel | None, console: Console) -> None:
    where = target.name if target else "wherever there is room"
    console.say(f"{source.name} has {seen.customers} customers; {seen.fitting} of them may go to {where}.")
    if seen.outside:
        console.say(f"{seen.outside} stay: the target is in none of their groups.")
    if seen.too_many:
        console.say(f"{seen.too_many} stay: there is room for {seen.room}.")
    console.say(f"That takes about {seen.seconds} s.")
    if seen.problem:
        console.complain(seen.problem)


def _follow(move: Move, console: Console) -> None:
    """Work on the move here, beside whatever worker is at it, until it is over or stands still."""
    with console.progress(f"move {move}") as bar:
        while move.state == Move.State.RUNNING:
            if mover.work_moves(STEP_SECONDS):
                time.sleep(OTHER_WORKER_SECONDS)
            move.refresh_from_db()
            bar.show(move.done, move.total)
