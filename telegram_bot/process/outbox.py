"""Sends the outbox: each message once it is due, at Telegram's speed, dropped if it is no longer true."""

import asyncio
import logging
import time

from django.db import DatabaseError, InterfaceError, OperationalError

from accounts import services as accounts
from accounts.models import User
from core.errors import OutsideError, ServiceUnreachable
from notifications import services as outbox
from notifications.channels.telegram import TelegramChannel
from notifications.errors import RecipientUnreachable, TokenRefused, TooFast
from notifications.kinds import Rendered
from notifications.limiter import Lane, Limiter
from notifications.models import OutboxMessage
from telegram_bot.process.database import DatabaseThreads

log = logging.getLogger(__name__)

TICK_SECONDS = 0.3
BATCH = 20
# Well within the lease: what is not noted as sent by its end is sent again.
NOTE_SECONDS = 40


class OutboxSender:
    def __init__(self, database: DatabaseThreads, channel: TelegramChannel, limiter: Limiter) -> None:
        self._database = database
        self._channel = channel
        self._limiter = limiter
        self._going_out: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                sent = await self.send_due()
            except (DatabaseError, InterfaceError) as failed:
                log.warning("the outbox waits for the database: %s", failed)
                sent = 0
                await asyncio.sleep(1)
            if sent < BATCH:
                await asyncio.sleep(TICK_SECONDS)

    async def stop(self) -> None:
        """Let messages that are on their way arrive and be noted: cut off, they would be sent again."""
        if self._going_out:
            done, _ = await asyncio.wait(self._going_out, timeout=5)
            for failed in filter(None, (sent.exception() for sent in done)):
                log.warning("a message is sent again after the next start: %s", failed)

    async def send_due(self) -> int:
        """Send one batch and return how many rows were taken."""
        messages = await self._database.run(outbox.claim_due, BATCH)
        await asyncio.gather(*(self._send(message) for message in messages))
        return len(messages)

    async def _send(self, message: OutboxMessage) -> None:
        try:
            await self._deliver(message)
        except TooFast as too_fast:
            self._limiter.pause(too_fast.seconds)
            await self._database.run(outbox.put_back, message, seconds=too_fast.seconds)
        except RecipientUnreachable as unreachable:
            await self._note_unreachable(message, unreachable)
        except TokenRefused as refused:
            await self._database.run(outbox.put_back, message, seconds=30)
            log.error("the outbox waits: %s", refused)
        except OutsideError as failed:
            text, permanent = str(failed), failed.permanent
            is_outage = isinstance(failed, ServiceUnreachable)
            await self._database.run(
                outbox.note_failed, message, text, permanent=permanent, is_outage=is_outage
            )
        except (OperationalError, InterfaceError):
            raise
        except Exception as failed:  # a broken text must not stop the others
            log.exception("message %s failed", message.pk)
            text = f"{type(failed).__name__}: {failed}"
            await self._database.run(outbox.note_failed, message, text, permanent=False)

    async def _deliver(self, message: OutboxMessage) -> None:
        rendered = await self._database.run(outbox.render, message)
        if rendered is None:
            await self._database.run(outbox.note_dropped, message)
            return
        chat_id = int(message.address)
        await self._limiter.turn(chat_id, Lane(message.lane))
        going_out = asyncio.ensure_future(self._send_and_note(message, chat_id, rendered))
        self._going_out.add(going_out)
        going_out.add_done_callback(self._going_out.discard)
        await asyncio.shield(going_out)

    async def _send_and_note(self, message: OutboxMessage, chat_id: int, rendered: Rendered) -> None:
        remote_id = await self._channel.send(chat_id, rendered)
        give_up_at = time.monotonic() + NOTE_SECONDS
        while True:
            try:
                await self._database.run(outbox.note_sent, message, str(remote_id))
                return
            except (DatabaseError, InterfaceError) as failed:
                if time.monotonic() > give_up_at:
                    raise
                log.warning("message %s is sent, which is not noted yet: %s", message.pk, failed)
                await asyncio.sleep(1)

    async def _note_unreachable(self, message: OutboxMessage, unreachable: RecipientUnreachable) -> None:
        reach = User.Reach.GONE if unreachable.is_gone else User.Reach.BLOCKED
        text = str(unreachable)
        await self._database.run(accounts.note_reach, telegram_id=int(message.address), reach=reach)
        await self._database.run(outbox.note_unreachable, message, text)
