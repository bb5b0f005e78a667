"""Puts a screen into the chat: in place where it can be, as a new message where not."""

import asyncio
import logging

from core.errors import OutsideError
from notifications.channels.telegram import MessageGone, TelegramChannel
from notifications.errors import TooFast
from notifications.kinds import Rendered
from notifications.limiter import Lane, Limiter
from telegram_bot.intents import Origin

log = logging.getLogger(__name__)

QUICK_TRIES = 3


class Delivery:
    """Sends at the allowed speed. Repeats what Telegram asks to wait for, and a lost answer a few times."""

    def __init__(self, channel: TelegramChannel, limiter: Limiter) -> None:
        self._channel = channel
        self._limiter = limiter

    async def show(self, chat_id: int, screen: Rendered, origin: Origin | None) -> None:
        """Show the screen. Raises the errors of notifications.errors once repeating at once makes no sense.

        A lost answer is repeated, so a new message may rarely arrive twice; an edit never does.
        """
        for attempt in range(QUICK_TRIES):
            await self._limiter.turn(chat_id, Lane.ANSWER)
            try:
                await self._show_once(chat_id, screen, origin)
                return
            except TooFast as too_fast:
                self._limiter.pause(too_fast.seconds)
            except OutsideError as failed:
                if failed.permanent or attempt == QUICK_TRIES - 1:
                    raise
                await asyncio.sleep(0.2 * 2**attempt)
        raise TooFast(1)

    async def answer_press(self, callback_query_id: str) -> None:
        """Stop the button's spinner. Only comfort: its failure never holds up the screen."""
        try:
            await self._channel.answer_press(callback_query_id)
        except OutsideError as failed:
            log.info("a press was not answered: %s", failed)

    async def _show_once(self, chat_id: int, screen: Rendered, origin: Origin | None) -> None:
        if origin is not None and origin.has_photo == (screen.photo is not None):
            try:
                await self._channel.edit(chat_id, origin.message_id, screen)
                return
            except MessageGone:
                origin = None
        await self._channel.send(chat_id, screen)
        if origin is not None:
            await self._remove(chat_id, origin.message_id)

    async def _remove(self, chat_id: int, message_id: int) -> None:
        """Take the replaced message away; the new one is there, so a failure is not worth a repeat."""
        try:
            await self._channel.remove(chat_id, message_id)
        except OutsideError as failed:
            log.info("a replaced message stays: %s", failed)
