"""`manage.py sandbox`: the outside world in a box, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sandbox.server import BOT_TOKEN, BOT_USERNAME, SandboxServer
from sandbox.store import SnapshotUnreadable
from sandbox.xui.versions import DEFAULT, DEFAULT_LEGACY


class Command(BaseCommand):
    help = "Run pretend Telegram, panels and YooKassa, and a page with customers. Never in production."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine only)")
        parser.add_argument("--page-port", type=int, default=8081)
        parser.add_argument("--telegram-port", type=int, default=8082)
        parser.add_argument(
            "--marzban-port", type=int, action="append", help="one per panel (8083), repeatable"
        )
        parser.add_argument(
            "--xui-port", type=int, action="append", help="one per 3x-ui panel (none), repeatable"
        )
        parser.add_argument("--xui-version", action="append", help="of each 3x-ui panel (3.5.0, 2.8.9)")
        parser.add_argument("--yookassa-port", type=int, default=8085)
        parser.add_argument("--yookassa-webhook", default="", help="where payments are told of (nowhere)")
        parser.add_argument("--yookassa-url", default="", help="the pay page, if payers need another address")
        parser.add_argument("--snapshot", type=Path, help="file that keeps the state between runs")
        parser.add_argument("--bot-token", help="the token the bot will use (the one in the settings)")
        parser.add_argument("--bot-username", help="the bot's name in the sandbox, without @")
        parser.add_argument("--web-url", default="", help="address of the shop, for the links on the page")
        parser.add_argument("--admin-url", default="", help="address of the admin, for the links on the page")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_where_it_does_not_belong()
        try:
            server = build(options)
        except ValueError as error:
            raise CommandError(str(error)) from error
        try:
            asyncio.run(self.serve(server))
        except OSError as error:
            raise CommandError(f"The sandbox cannot listen: {error.strerror or error}.") from error
        except SnapshotUnreadable as error:
            raise CommandError(str(error)) from error

    async def serve(self, server: SandboxServer) -> None:
        """Run until SIGINT or SIGTERM; the state is saved on the way out."""
        told_to_stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
        try:
            await server.start()
            for name, address in sorted(server.addresses.items()):
                self.stdout.write(f"{name:<12} {address}")
            self.stdout.flush()
            await told_to_stop.wait()
        finally:
            await server.stop()


def build(options: dict[str, Any]) -> SandboxServer:
    """Raises ValueError for a version of a panel that nobody stands in for."""
    links = {"web": options["web_url"], "admin": options["admin_url"]}
    return SandboxServer(
        host=options["host"],
        page_port=options["page_port"],
        telegram_port=options["telegram_port"],
        marzban_ports=options["marzban_port"] or [8083],
        xui_ports=options["xui_port"] or [],
        xui_versions=options["xui_version"] or [DEFAULT, DEFAULT_LEGACY],
        yookassa_port=options["yookassa_port"],
        yookassa_webhook=options["yookassa_webhook"],
        yookassa_url=options["yookassa_url"].rstrip("/"),
        snapshot=options["snapshot"],
        bot_token=options["bot_token"] or getattr(settings, "TELEGRAM_BOT_TOKEN", "") or BOT_TOKEN,
        bot_username=options["bot_username"] or BOT_USERNAME,
        links={name: url for name, url in links.items() if url},
    )


def refuse_where_it_does_not_belong() -> None:
    """Raise CommandError unless the settings ask for the sandbox and are not production's."""
    if settings.DEPLOYMENT == "production":
        raise CommandError("The sandbox never runs with production settings (DEPLOYMENT=production).")
    if not settings.SANDBOX_ENABLED:
        raise CommandError("The sandbox is off: set SANDBOX_ENABLED=true to run it.")
