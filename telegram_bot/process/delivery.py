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
REPLACED_KEPT = 2000  # only presses made before the replacement was seen ask for it: seconds, not hours


class Delivery:
    """Sends at the allowed speed. Repeats what Telegram asks to wait for, and a lost answer a few times."""

    def __init__(self, channel: TelegramChannel, limiter: Limiter) -> None:
        self._channel = channel
        self._limiter = limiter
        self._replaced: dict[tuple[int, int], Origin] = {}

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
        origin = self._now_at(chat_id, origin)
        has_photo = screen.photo is not None
        is_gone = False
        if origin is not None and origin.has_photo == has_photo:
            try:
                await self._channel.edit(chat_id, origin.message_id, screen)
                return
            except MessageGone:
                is_gone = True
        message_id = await self._channel.send(chat_id, screen)
        if origin is not None:
            self._note_replaced(chat_id, origin, Origin(message_id, has_photo))
            if not is_gone:
                await self._remove(chat_id, origin.message_id)

    def _now_at(self, chat_id: int, origin: Origin | None) -> Origin | None:
        """Follow a message to what replaced it: whoever presses twice must not get two of the new one."""
        while origin is not None and (after := self._replaced.get((chat_id, origin.message_id))):
            origin = after
        return origin

    def _note_replaced(self, chat_id: int, before: Origin, after: Origin) -> None:
        self._replaced[chat_id, before.message_id] = after
        if len(self._replaced) > REPLACED_KEPT:
            del self._replaced[next(iter(self._replaced))]

    async def _remove(self, chat_id: int, message_id: int) -> None:
        """Take the replaced message away; the new one is there, so a failure is not worth a repeat."""
        try:
            await self._channel.remove(chat_id, message_id)
        except OutsideError as failed:
            log.info("a replaced message stays: %s", failed)
