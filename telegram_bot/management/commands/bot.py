"""Runs the bot role."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import InstallationMismatch
from telegram_bot.errors import TokenIsWrong
from telegram_bot.process.runner import BotProcess


class Command(BaseCommand):
    help = "Run the bot: take updates in, answer them, send the outbox. A second one stands by."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(_run())
        except (InstallationMismatch, TokenIsWrong) as wrong:
            raise CommandError(str(wrong)) from wrong


async def _run() -> None:
    process = BotProcess()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    await process.run()
