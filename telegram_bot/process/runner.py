"""The bot process: stand-by until it holds the lease, then active until it loses it or is told to stop."""

import asyncio
import logging
import os
import socket
import time
import uuid

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from telegram.error import InvalidToken, TelegramError

from core.heartbeat import still_turning
from core.services import drop_lease, hold_lease, note_health, require_installation
from notifications.channels.telegram import TelegramChannel, make_bot
from notifications.limiter import Limiter
from telegram_bot import services
from telegram_bot.errors import WRONG_TOKEN, TokenIsWrong
from telegram_bot.intents import callback_data
from telegram_bot.process.database import DatabaseThreads
from telegram_bot.process.delivery import Delivery
from telegram_bot.process.dispatcher import Dispatcher
from telegram_bot.process.outbox import OutboxSender
from telegram_bot.process.poller import HEALTH, Poller
from telegram_bot.process.slow import SlowThreads

log = logging.getLogger(__name__)

LEASE = "bot"
LEASE_SECONDS = 10
RENEW_SECONDS = 3
WATCH_SECONDS = {"polling": 1.0, "webhook": 0.15}


class BotProcess:
    """One bot role. Two of them may run: one is active, the other takes over within LEASE_SECONDS."""

    def __init__(self) -> None:
        self._database = DatabaseThreads()
        # Threads of their own, which a flood of updates does not fill: a lease that waits in line is lost,
        # and so is a press that Telegram keeps for minutes only.
        self._lease_database = DatabaseThreads(1)
        self._inbox_database = DatabaseThreads(1)
        self._slow = SlowThreads()
        self._token = uuid.uuid4()
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask the process to end; `run` returns once what is in hand is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until stopped. Raises InstallationMismatch or TokenIsWrong: a person has to act.

        A database or a Telegram that is away is waited for.
        """
        try:
            while not self._stopping.is_set():
                try:
                    await self._take_part()
                except (DatabaseError, InterfaceError) as failed:
                    still_turning("bot")
                    log.warning("the bot waits for the database: %s", failed)
                    await self._pause(2)
        finally:
            await self._give_up_lease()
            self._database.close()
            self._lease_database.close()
            self._inbox_database.close()
            self._slow.close()

    async def _take_part(self) -> None:
        await self._database.run(require_installation)
        if not await self._holds_lease():
            await self._pause(1)
            return
        try:
            await self._be_active()
        except InvalidToken:  # its text holds the token
            raise TokenIsWrong(WRONG_TOKEN) from None
        except TelegramError as failed:
            log.warning("Telegram does not answer: %s", failed)
            await self._database.run(note_health, HEALTH, is_up=False, error=str(failed))
            await self._pause(2)

    async def _be_active(self) -> None:
        async with make_bot() as bot:
            # Telegram may have taken longer to answer than the lease lasts.
            if not await self._holds_lease():
                return
            log.info("active as %s", self._holder)
            if settings.TELEGRAM_MODE == "webhook":  # else the poller says so
                await self._database.run(note_health, HEALTH, is_up=True)
            limiter = Limiter(
                per_second=settings.TELEGRAM_MESSAGES_PER_SECOND,
                per_chat_second=settings.TELEGRAM_CHAT_MESSAGES_PER_SECOND,
            )
            channel = TelegramChannel(bot, callback_data)
            dispatcher = Dispatcher(self._database, self._slow, Delivery(channel, limiter))
            outbox = OutboxSender(self._database, channel, limiter)
            work = [dispatcher.flush_for_ever(), self._watch_inbox(dispatcher), outbox.run()]
            if settings.TELEGRAM_MODE == "polling":
                work.append(Poller(self._inbox_database, dispatcher).run())
            tasks = [
                asyncio.ensure_future(each) for each in (*work, self._keep_lease(), self._wait_for_stop())
            ]
            tasks.append(asyncio.ensure_future(_raise_when_refused(dispatcher)))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.gather(outbox.stop(), dispatcher.stop())

    async def _watch_inbox(self, dispatcher: Dispatcher) -> None:
        """Bring in what the poller did not: rows of the webhook, of a crash, and due retries."""
        while True:
            try:
                dispatcher.feed(await self._database.run(services.open_updates))
            except (DatabaseError, InterfaceError) as failed:
                log.warning("the inbox waits for the database: %s", failed)
                await asyncio.sleep(1)
            await asyncio.sleep(WATCH_SECONDS[settings.TELEGRAM_MODE])

    async def _keep_lease(self) -> None:
        """Prolong the lease; return when another process has it, or may have it."""
        held_until = time.monotonic() + LEASE_SECONDS
        while time.monotonic() < held_until:
            await asyncio.sleep(RENEW_SECONDS)
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(LEASE_SECONDS - RENEW_SECONDS):
                    if not await self._holds_lease():
                        break
                held_until = asked_at + LEASE_SECONDS
            except (DatabaseError, InterfaceError, TimeoutError) as failed:
                log.warning("the lease was not prolonged: %s", failed)
        log.warning("another bot process is active now, or may be; standing by")

    async def _holds_lease(self) -> bool:
        still_turning("bot")
        return await self._lease_database.run(
            hold_lease, LEASE, holder=self._holder, token=self._token, seconds=LEASE_SECONDS
        )

    async def _give_up_lease(self) -> None:
        try:
            await self._lease_database.run(drop_lease, LEASE, token=self._token)
        except (DatabaseError, InterfaceError) as failed:
            log.warning("the lease runs out by itself: %s", failed)

    async def _wait_for_stop(self) -> None:
        await self._stopping.wait()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


async def _raise_when_refused(dispatcher: Dispatcher) -> None:
    await dispatcher.token_refused.wait()
    raise TokenIsWrong(WRONG_TOKEN)
