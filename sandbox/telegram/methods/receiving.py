"""How updates reach the bot."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.bot import Bot
from sandbox.telegram.params import Params
from sandbox.telegram.polling import WEBHOOK_COMES


async def get_updates(bot: Bot, params: Params) -> str:
    """Give a JSON array, written out. Raises ApiError 409 as the server does."""
    return await bot.polling.answer(params, webhook_is_set=bot.webhook.is_set)


def set_webhook(bot: Bot, params: Params) -> str:
    """Give the description that goes with the result true."""
    said = bot.webhook.set(params)
    if bot.webhook.is_set:
        bot.polling.end(WEBHOOK_COMES)
    bot.hub.touch()
    return said


def delete_webhook(bot: Bot, params: Params) -> str:
    said = bot.webhook.delete(params)
    bot.hub.touch()
    return said


def get_webhook_info(bot: Bot, params: Params) -> dict[str, Any]:
    return bot.webhook.info()
