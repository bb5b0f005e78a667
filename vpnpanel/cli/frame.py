"""What the actions of `manage.py panels` share: what they are, how they speak, and how they end."""

import json
import pkgutil
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from enum import IntEnum
from importlib import import_module
from typing import Any, Protocol, TextIO

from core import jobs
from core.errors import ShopError
from core.models import Job
from vpnpanel.cli import actions
from vpnpanel.cli.progress import Progress
from vpnpanel.models import Panel

ACTOR = "command line"
OTHER_WORKER_SECONDS = 0.5
# Half a dozen seconds: a call that was lost is forgiven, and nobody waits minutes for a panel that is away.
TRIES = 3
STOPPED = "Stopped. A job or a move that has begun is not: the worker goes on with it."


class Exit(IntEnum):
    """How a command ends: well, with something for staff to look at, called in a way it does not know, or
    stopped by Ctrl-C."""

    FINE = 0
    ATTENTION = 1
    USAGE = 2
    STOPPED = 130


class WrongUsage(ShopError):
    """The command was called with something that does not exist. The message says with what."""


class Console:
    """Where an action speaks. People read lines; with `as_json` stdout carries one JSON object instead.

    Complaints and progress go to stderr, so that what a script reads stays clean.
    """

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool) -> None:
        self._out, self._err, self._as_json = out, err, as_json
        self._values: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """Write a line for people; nothing where a script listens."""
        if not self._as_json:
            self._out.write(text + "\n")

    def complain(self, text: str) -> None:
        """Say what is wrong, to people and scripts alike."""
        self._err.write(text + "\n")

    def keep(self, **values: Any) -> None:
        """Put values into the JSON object of a script; people do not see them."""
        self._values.update(values)

    def progress(self, label: str) -> Progress:
        """Return a bar to use with `with`; it shows only where stderr is a terminal."""
        return Progress(label, self._err)

    def end(self, action: str, code: int) -> None:
        """Write the JSON object, if one was asked for. `ok` says the same as the exit code."""
        if self._as_json:
            whole = {"action": action, "ok": code == Exit.FINE, **self._values}
            self._out.write(json.dumps(whole, default=str, ensure_ascii=False) + "\n")


class Action(Protocol):
    """A module of `vpnpanel.cli.actions`."""

    HELP: str

    def arguments(self, parser: ArgumentParser) -> None:
        """Name what the action takes."""

    def run(self, options: dict[str, Any], console: Console) -> Exit:
        """Do it. A ShopError that is raised ends the command as something to look at."""


def all_actions() -> dict[str, Action]:
    """Return the actions by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(actions.__path__))
    return {name: import_module(f"{actions.__name__}.{name}") for name in names}


def perform(name: str, options: dict[str, Any], console: Console) -> int:
    """Run an action and return the exit code; what went wrong was said by then."""
    try:
        code = int(all_actions()[name].run(options, console))
    except ShopError as failed:
        code = Exit.USAGE if isinstance(failed, WrongUsage) else Exit.ATTENTION
        console.complain(str(failed))
        console.keep(error=str(failed))
    except KeyboardInterrupt:
        code = int(Exit.STOPPED)
        console.complain(STOPPED)
        console.keep(error=STOPPED)
    console.end(name, code)
    return code


def take_names(parser: ArgumentParser, default: str) -> None:
    """Let an action take names of panels; `default` says which ones without any."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"names of panels (default: {default})")


def panels_named(names: list[str], *, otherwise: Iterable[str]) -> list[Panel]:
    """Return the panels of these names, without names those in the states `otherwise`. Raises WrongUsage."""
    rows = Panel.objects.filter(name__in=names) if names else Panel.objects.filter(state__in=otherwise)
    panels = list(rows.order_by("name"))
    unknown = set(names) - {panel.name for panel in panels}
    if unknown:
        raise WrongUsage(f"There is no panel {sorted(unknown)[0]!r}.")
    return panels


def run_job(
    kind: str, subject: object, console: Console, *, label: str, tries: int = TRIES, **params: Any
) -> Job:
    """Have a job done to its end, here or by a worker that is at it already, and return it as it is then.

    After `tries` failures in a row it is returned still open, for the worker to go on with.
    """
    job = jobs.start(kind, subject=str(subject), asked_by=ACTOR, params=params or None)
    most = job.attempts + tries
    with console.progress(label) as bar:
        while job.state in Job.OPEN and job.attempts < most:
            if not jobs.run_due(most_steps=1):
                time.sleep(OTHER_WORKER_SECONDS)
            job.refresh_from_db()
            bar.show(job.done, job.total)
    return job
