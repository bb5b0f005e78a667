"""The bot's own account."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.bot import Bot
from sandbox.telegram.params import Params

LOGGED_OUT_SECONDS = 600
ABILITIES = {
    "can_join_groups": True,
    "can_read_all_group_messages": False,
    "supports_inline_queries": False,
    "supports_guest_queries": False,
    "can_connect_to_business": False,
    "has_main_web_app": False,
    "has_topics_enabled": False,
    "allows_users_to_create_topics": False,
    "can_manage_bots": False,
}
GIFTS = {
    "unlimited_gifts": False,
    "limited_gifts": False,
    "unique_gifts": False,
    "premium_subscription": False,
    "gifts_from_channels": False,
}


def get_me(bot: Bot, params: Params) -> dict[str, Any]:
    return bot.user | ABILITIES


def get_chat(bot: Bot, params: Params) -> dict[str, Any]:
    chat = bot.chats.named(params.text("chat_id"))
    about = {"accent_color_id": chat.id % 7, "max_reaction_count": 11, "accepted_gift_types": GIFTS}
    return chat.info | about


def log_out(bot: Bot, params: Params) -> bool:
    """Leave this server; it refuses the bot for ten minutes."""
    bot.logged_out_until = bot.clock.now() + LOGGED_OUT_SECONDS
    return True


def close(bot: Bot, params: Params) -> bool:
    return True
