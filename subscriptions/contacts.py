"""Where customers are led to from outside Telegram."""

import re

from django.conf import settings


def support_url() -> str:
    """Return the web address of support, which is set as @name, t.me/name or an address; empty if none."""
    contact = settings.SUPPORT_CONTACT
    if match := re.fullmatch(r"(?:@|(?:https?://)?t\.me/)(\w{4,32})", contact):
        return f"https://t.me/{match[1]}"
    return contact if re.fullmatch(r"https?://[!-~]+", contact) else ""


def bot_url(start: str = "") -> str:
    """Return the address that opens the bot, at what `/start <start>` leads to; empty if unknown."""
    name = settings.TELEGRAM_BOT_USERNAME
    if not name:
        return ""
    return f"https://t.me/{name}?start={start}" if start else f"https://t.me/{name}"
