"""Works off stored updates: those of one chat in order, those of different chats side by side."""

import asyncio
import logging
from collections import deque

from django.db import DatabaseError, InterfaceError, OperationalError
from structlog.contextvars import bind_contextvars

from accounts import services as accounts
from accounts.models import User
from core import correlation
from core.errors import OutsideError, ServiceUnreachable
from notifications.errors import RecipientUnreachable, TokenRefused
from notifications.kinds import Rendered
from telegram_bot import screens, services
from telegram_bot.process.database import DatabaseThreads
from telegram_bot.process.delivery import Delivery
from telegram_bot.process.slow import SlowThreads
from telegram_bot.screens import Unprepared
from telegram_bot.services import Stored

log = logging.getLogger(__name__)

FLOOD = 3  # more waiting updates of one chat than this: only the last of them gets a screen of its own
FLUSH_SECONDS = 0.05
MEANWHILE_SECONDS = 1.5  # a provider answers sooner as a rule; who waits longer wonders


class Dispatcher:
    def __init__(self, database: DatabaseThreads, slow: SlowThreads, delivery: Delivery) -> None:
        self._database = database
        self._slow = slow
        self._delivery = delivery
        self._queues: dict[int, deque[Stored]] = {}
        self._in_hand: set[int] = set()
        self._answered: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.token_refused = asyncio.Event()

    def feed(self, updates: list[Stored]) -> None:
        """Take updates in; one that is in hand already is left out."""
        for update in updates:
            if update.update_id in self._in_hand:
                continue
            self._in_hand.add(update.update_id)
            chat = update.chat_id or 0
            queue = self._queues.get(chat)
            if queue is None:
                queue = self._queues[chat] = deque()
                self._start(self._work(chat, queue))
            queue.append(update)

    async def flush_for_ever(self) -> None:
        """Write down answered updates, many in one statement."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        answered, self._answered = self._answered, []
        if not answered:
            return
        try:
            await self._database.run(services.note_answered, answered)
        except (DatabaseError, InterfaceError) as failed:
            log.warning("answered updates wait for the database: %s", failed)
            self._answered = answered + self._answered
            return
        self._in_hand.difference_update(answered)

    async def stop(self) -> None:
        """Drop what waits (it is safe in the inbox), let what runs end, write down what was answered."""
        for queue in self._queues.values():
            queue.clear()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=5)
            for task in late:
                task.cancel()
        await self.flush()

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, chat: int, queue: "deque[Stored]") -> None:
        try:
            while queue:
                update = queue.popleft()
                correlation.begin()
                bind_contextvars(update_id=update.update_id)
                await self._handle_or_give_back(chat, queue, update)
        finally:  # whatever ends this, what waits must not count as being in hand
            self._in_hand.difference_update(waiting.update_id for waiting in queue)
            del self._queues[chat]

    async def _handle_or_give_back(self, chat: int, queue: "deque[Stored]", update: Stored) -> None:
        try:
            await self._handle(chat, update, is_overtaken=len(queue) > FLOOD)
        except (OperationalError, InterfaceError) as failed:
            await self._wait_for_database(chat, queue, update, failed)
        except Exception as failed:  # one broken update must not stop the bot
            log.exception("update %s failed", update.update_id)
            await self._give_back(update, failed)

    async def _handle(self, chat: int, update: Stored, *, is_overtaken: bool) -> None:
        if update.intent.callback_query_id:
            self._start(self._delivery.answer_press(update.intent.callback_query_id))
        screen = await self._database.run(services.decide, update)
        if screen is None or is_overtaken:
            self._answered.append(update.update_id)
            return
        if isinstance(screen, Unprepared):
            screen = await self._prepared(chat, screen, update)
        await self._show(chat, screen, update)

    async def _prepared(self, chat: int, screen: Unprepared, update: Stored) -> Rendered:
        """Let the screen's follow-up run; who has to wait sees meanwhile how things stand."""
        work = asyncio.ensure_future(self._slow.run(screen.prepare))
        try:
            done, _ = await asyncio.wait({work}, timeout=MEANWHILE_SECONDS)
            if not done and update.intent.origin is not None:
                await self._show_meanwhile(chat, screen, update)
            await work
        finally:
            work.cancel()
        return await self._database.run(screen.render)

    async def _show_meanwhile(self, chat: int, screen: Unprepared, update: Stored) -> None:
        """Only comfort, and only in place: its failure never holds up the screen that follows."""
        try:
            await self._delivery.show(chat, await self._database.run(screen.render), update.intent.origin)
        except OutsideError as failed:
            log.info("nothing was shown meanwhile: %s", failed)

    async def _show(self, chat: int, screen: Rendered, update: Stored) -> None:
        try:
            await self._delivery.show(chat, screen, update.intent.origin)
        except RecipientUnreachable as unreachable:
            reach = User.Reach.GONE if unreachable.is_gone else User.Reach.BLOCKED
            await self._database.run(accounts.note_reach, telegram_id=chat, reach=reach)
        except TokenRefused:
            self.token_refused.set()
            self._in_hand.discard(update.update_id)
            return
        except OutsideError as failed:
            log.warning("update %s has no answer yet: %s", update.update_id, failed)
            is_outage = isinstance(failed, ServiceUnreachable)
            most = services.OUTAGE_TRIES if is_outage else services.UNKNOWN_TRIES
            if await self._note_failed(update, str(failed), permanent=failed.permanent, most_tries=most):
                await self._apologise(update)
            return
        self._answered.append(update.update_id)

    async def _give_back(self, update: Stored, failed: Exception) -> None:
        try:
            is_dead = await self._note_failed(update, f"{type(failed).__name__}: {failed}", permanent=False)
        except (DatabaseError, InterfaceError) as away:
            log.warning("the failure of update %s was not noted: %s", update.update_id, away)
            self._in_hand.discard(update.update_id)
            await asyncio.sleep(1)
            return
        if is_dead:
            await self._apologise(update)

    async def _apologise(self, update: Stored) -> None:
        if update.intent.sender is None:
            return
        language = accounts.language_for(update.intent.sender.language_code)
        try:
            await self._delivery.show(
                update.intent.sender.telegram_id, screens.render_apology(language), None
            )
        except OutsideError as failed:
            log.warning("the apology did not arrive: %s", failed)

    async def _note_failed(
        self, update: Stored, error: str, *, permanent: bool, most_tries: int = services.MAX_ATTEMPTS
    ) -> bool:
        is_dead = await self._database.run(
            services.note_failed, update, error, permanent=permanent, most_tries=most_tries
        )
        self._in_hand.discard(update.update_id)
        return is_dead

    async def _wait_for_database(
        self, chat: int, queue: "deque[Stored]", update: Stored, failed: Exception
    ) -> None:
        """Leave the chat's updates to the inbox watch: they are stored and come back with the database."""
        log.warning("the database does not answer; chat %s waits: %s", chat, failed)
        self._in_hand.difference_update({update.update_id, *(waiting.update_id for waiting in queue)})
        queue.clear()
        await asyncio.sleep(1)
