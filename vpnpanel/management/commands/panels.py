"""Panels from the command line: for scripts, and for the first panel of a new shop."""

import os
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import jobs
from core.errors import ShopError
from core.models import Job
from vpnpanel import reconciler, services, sync
from vpnpanel.checkup import check
from vpnpanel.models import Access, Panel, PanelGroup

ACTOR = "command line"
OTHER_WORKER_SECONDS = 0.5


class Command(BaseCommand):
    help = "Add, list, check and sync panels, or apply what waits for them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|check|sync|reconcile")
        add = actions.add_parser("add", help="check a panel and take it into service; safe to repeat")
        for name in ("--name", "--url", "--username"):
            add.add_argument(name, required=True)
        secret = add.add_mutually_exclusive_group(required=True)
        secret.add_argument("--password-env", help="name of the environment variable that holds the password")
        secret.add_argument("--password", help="the password itself: other users of the machine may see it")
        add.add_argument(
            "--group", default="main", help="code of the panel group it sells to (default: main)"
        )
        add.add_argument("--location", default="", help="what customers are shown")
        actions.add_parser("list", help="show every panel")
        check_one = actions.add_parser("check", help="ask panels whether the shop can sell on them")
        check_one.add_argument("names", nargs="*", help="names of panels (default: all that are not off)")
        sync_one = actions.add_parser("sync", help="read every account of panels and mark what differs")
        sync_one.add_argument("names", nargs="*", help="names of panels (default: all that serve)")
        reconcile = actions.add_parser("reconcile", help="apply what waits, or compare given accesses again")
        reconcile.add_argument("access_ids", nargs="*", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except ShopError as failed:
            raise CommandError(str(failed)) from failed

    def _add(self, options: dict[str, Any]) -> None:
        group = PanelGroup.objects.filter(code=options["group"]).first()
        if group is None:
            raise CommandError(f"There is no panel group {options['group']!r}.")
        password = options["password"] or os.environ.get(options["password_env"] or "", "")
        if not password:
            raise CommandError(f"The environment variable {options['password_env']} is empty or not set.")
        panel = services.add_panel(
            actor=ACTOR,
            groups=[group],
            name=options["name"],
            base_url=options["url"],
            username=options["username"],
            password=password,
            location=options["location"],
        )
        self.stdout.write(f"Panel {panel.name} is in service.")

    def _list(self, options: dict[str, Any]) -> None:
        for panel in Panel.objects.order_by("name"):
            answers = "up" if panel.is_up else "DOWN"
            self.stdout.write(f"{panel.name}\t{panel.state}\t{answers}\t{panel.load}\t{panel.base_url}")

    def _check(self, options: dict[str, Any]) -> None:
        failed = 0
        for panel in self._panels(
            options["names"], [state for state in Panel.State if state != Panel.State.OFF]
        ):
            try:
                found = check(panel)
            except ShopError as wrong:
                failed += 1
                self.stderr.write(f"{panel.name}: {wrong}")
                continue
            tags = ", ".join(tag for tags in found.inbounds.values() for tag in tags)
            self.stdout.write(f"{panel.name}: version {found.figures.version}, inbounds: {tags}")
        if failed:
            raise CommandError(f"{failed} of the panels cannot be sold on.")

    def _sync(self, options: dict[str, Any]) -> None:
        for panel in self._panels(options["names"], Panel.SERVING):
            job = jobs.start(sync.KIND, subject=str(panel.pk), asked_by=ACTOR)
            while job.state in Job.OPEN:
                if not jobs.run_due(most_steps=1):
                    time.sleep(OTHER_WORKER_SECONDS)
                job.refresh_from_db()
            if job.state != Job.State.DONE:
                raise CommandError(f"{panel.name}: {job.error}")
            self.stdout.write(f"{panel.name}: {job.result}")

    def _reconcile(self, options: dict[str, Any]) -> None:
        if options["access_ids"]:
            services.request_reconcile(options["access_ids"])
            late = [key for key in options["access_ids"] if not reconciler.reconcile_one(key)]
            if late:
                raise CommandError(f"Not applied: {', '.join(str(key) for key in late)}.")
            return
        while reconciler.reconcile_due():
            pass
        waiting = Access.objects.filter(is_dirty=True).count()
        self.stdout.write(f"{waiting} accesses still wait.")

    def _panels(self, names: list[str], states: Any) -> list[Panel]:
        panels = list(
            Panel.objects.filter(name__in=names) if names else Panel.objects.filter(state__in=states)
        )
        unknown = set(names) - {panel.name for panel in panels}
        if unknown:
            raise CommandError(f"There is no panel {sorted(unknown)[0]!r}.")
        return panels
