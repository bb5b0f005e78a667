"""Sets up the bot at Telegram: how updates come, its name, the command menu, the descriptions."""

import asyncio
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from django.utils.translation import gettext as _
from telegram import Bot, BotCommand
from telegram.error import TelegramError

from accounts.services import LANGUAGES
from notifications.channels.telegram import make_bot, understand
from telegram_bot.process.poller import WANTED


class Command(BaseCommand):
    help = (
        "Set up the bot at Telegram. `profile`: name, menu and descriptions; `webhook`: have updates "
        "delivered; `polling`: remove the webhook; `status`: what Telegram says of the bot."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=sorted(ACTS))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in asyncio.run(_with_bot(ACTS[options["what"]])):
                self.stdout.write(line)
        except TelegramError as error:
            raise CommandError(f"Telegram says no: {understand(error)}") from error


async def _with_bot(act: Callable[[Bot], Awaitable[list[str]]]) -> list[str]:
    async with make_bot() as bot:
        return await act(bot)


async def show_status(bot: Bot) -> list[str]:
    info = await bot.get_webhook_info()
    lines = [
        f"Bot: @{bot.username} ({bot.id})",
        f"Updates: {'webhook ' + info.url if info.url else 'polling'}",
    ]
    lines.append(f"Waiting at Telegram: {info.pending_update_count}")
    if info.last_error_message:
        lines.append(f"Last error: {info.last_error_message} ({info.last_error_date:%Y-%m-%d %H:%M:%S} UTC)")
    return lines


async def use_webhook(bot: Bot) -> list[str]:
    if settings.TELEGRAM_MODE != "webhook":
        raise CommandError("TELEGRAM_MODE is not webhook: set it first, or nobody takes the updates in.")
    url = f"{settings.PUBLIC_BASE_URL}/telegram/webhook"
    await bot.set_webhook(url, allowed_updates=WANTED, secret_token=settings.TELEGRAM_WEBHOOK_SECRET)
    return [f"Telegram delivers updates to {url}."]


async def use_polling(bot: Bot) -> list[str]:
    await bot.delete_webhook()
    return ["Telegram waits to be polled."]


async def publish_profile(bot: Bot) -> list[str]:
    """Write menu and descriptions in every language; English is also what everybody else sees."""
    for language in LANGUAGES:
        with translation.override(language):
            commands, about = _commands(), _about()
        for code in [language, ""] if language == "en" else [language]:
            await bot.set_my_commands(commands, language_code=code)
            await bot.set_my_name(settings.SHOP_NAME[:64], language_code=code)
            await bot.set_my_description(about, language_code=code)
            await bot.set_my_short_description(about, language_code=code)
    return [f"Name, command menu and descriptions are published in {len(LANGUAGES)} languages."]


def _commands() -> list[BotCommand]:
    return [
        BotCommand("menu", _("Main menu")),
        BotCommand("key", _("My key")),
        BotCommand("connect", _("How to connect")),
        BotCommand("buy", _("Buy or renew")),
        BotCommand("plans", _("Plans and prices")),
        BotCommand("payments", _("My payments")),
        BotCommand("profile", _("My profile")),
        BotCommand("language", _("Language")),
        BotCommand("help", _("Help")),
    ]


def _about() -> str:
    return _("%(shop)s: a key in seconds, for your phone and computer.") % {"shop": settings.SHOP_NAME}


ACTS: dict[str, Callable[[Bot], Awaitable[list[str]]]] = {
    "polling": use_polling,
    "profile": publish_profile,
    "status": show_status,
    "webhook": use_webhook,
}
