"""Fetches updates and stores each batch before Telegram is told that we have it.

Telegram forgets a batch when the next call names an offset behind it. So the offset moves only after
the rows are committed; a crash before that brings the batch again, and the inbox knows it already.
"""

import asyncio
import json
import logging
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from core.services import note_health
from notifications.channels.transport import AiohttpRequest
from telegram_bot import services
from telegram_bot.errors import WRONG_TOKEN, TokenIsWrong
from telegram_bot.process.database import DatabaseThreads
from telegram_bot.process.dispatcher import Dispatcher

log = logging.getLogger(__name__)

HEALTH = "telegram"
POLL_SECONDS = 25
NOTE_SECONDS = 60.0  # how often health is written while all is well
WANTED = ("message", "callback_query", "my_chat_member")
OTHER_POLLER = (
    "Another process polls Telegram with the same TELEGRAM_BOT_TOKEN. Stop it, or give this shop a token "
    "of its own from @BotFather. Trying again."
)
WEBHOOK_SET = (
    "Telegram delivers this bot's updates to a webhook, so polling is refused. Set TELEGRAM_MODE=webhook, or "
    "remove the webhook with: manage.py telegram polling. Trying again."
)


class Poller:
    def __init__(
        self,
        database: DatabaseThreads,
        dispatcher: Dispatcher,
        *,
        read_seconds: float = POLL_SECONDS + 10,
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._request = AiohttpRequest(connections=1, read_seconds=read_seconds)
        self._offset = 0
        self._failures = 0
        self._trouble = ""
        self._noted_at = -NOTE_SECONDS

    async def run(self) -> None:
        """Poll until cancelled. Raises TokenIsWrong; every other trouble is waited out."""
        await self._request.initialize()
        try:
            while True:
                await self._poll_once()
        finally:
            await self._request.shutdown()

    async def _poll_once(self) -> None:
        try:
            payloads = await self._fetch()
            stored = await self._database.run(services.store_updates, payloads) if payloads else []
        except InvalidToken:
            raise TokenIsWrong(WRONG_TOKEN) from None
        except Conflict as conflict:
            await self._wait_out(WEBHOOK_SET if "webhook" in str(conflict) else OTHER_POLLER, log.error)
        except RetryAfter as asked:
            await self._wait_out(f"Telegram asks to wait: {asked.message}", log.warning)
        except (TelegramError, ValueError) as failed:
            await self._wait_out(f"Telegram does not answer: {failed}", log.warning)
        except (DatabaseError, InterfaceError) as failed:
            # Not confirmed yet, so nothing is lost: Telegram gives the same batch again.
            await self._wait_out(f"The database does not take updates: {failed}", log.error, is_noted=False)
        else:
            await self._accept(stored)

    async def _accept(self, stored: list[services.Stored]) -> None:
        if stored:
            self._offset = max(update.update_id for update in stored) + 1
            self._dispatcher.feed(stored)
        if self._failures or time.monotonic() > self._noted_at + NOTE_SECONDS:
            await self._note(is_up=True)
            self._noted_at = time.monotonic()
        self._failures, self._trouble = 0, ""

    async def _fetch(self) -> list[dict[str, Any]]:
        """Call getUpdates by hand: we store what Telegram said, not what a library made of it."""
        base = f"{settings.TELEGRAM_API_BASE_URL}/bot{settings.TELEGRAM_BOT_TOKEN}"
        wanted = json.dumps(WANTED).replace('"', "%22").replace(" ", "")
        query = f"offset={self._offset}&limit=100&timeout={POLL_SECONDS}&allowed_updates={wanted}"
        found = await self._request.post(f"{base}/getUpdates?{query}")
        return found if isinstance(found, list) else []

    async def _wait_out(self, trouble: str, say: Any, *, is_noted: bool = True) -> None:
        self._failures += 1
        if trouble != self._trouble or self._failures == 10 or self._failures % 100 == 0:
            say(trouble)
        self._trouble = trouble
        if is_noted:
            await self._note(is_up=False, error=trouble)
        await asyncio.sleep(min(0.5 * 2 ** min(self._failures, 6), 15))

    async def _note(self, *, is_up: bool, error: str = "") -> None:
        try:
            await self._database.run(note_health, HEALTH, is_up=is_up, error=error)
        except (DatabaseError, InterfaceError) as failed:
            log.warning("health was not noted: %s", failed)
