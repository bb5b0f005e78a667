"""Panels from the command line, for scripts and for people. What it can do stands in `vpnpanel/cli/`."""

import sys
from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from vpnpanel.cli.frame import Console, all_actions, perform


class Command(BaseCommand):
    help = "Add, check, test and sync panels. Exit code 1: something to look at; 2: wrong usage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        known = all_actions()
        takes_json: dict[str, Any] = {
            "action": "store_true",
            "help": "one JSON object on stdout, for scripts",
        }
        parser.add_argument("--json", dest="as_json", default=False, **takes_json)
        chosen = parser.add_subparsers(dest="action", required=True, metavar="|".join(known))
        for name, action in known.items():
            one = chosen.add_parser(name, help=action.HELP, description=action.HELP)
            one.add_argument("--json", dest="as_json", default=SUPPRESS, **takes_json)
            action.arguments(one)

    def handle(self, *args: Any, **options: Any) -> None:
        # Past Django's wrappers, which end whatever is written with a new line: a bar is drawn over itself.
        out: Any = self.stdout._out
        err: Any = self.stderr._out
        console = Console(out, err, as_json=options["as_json"])
        if code := perform(options["action"], options, console):
            sys.exit(code)
