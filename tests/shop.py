"""The shop's bot role, run inside the test process against the test's database."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connections

from billing.tasks import fulfil_due, work_notices, work_payments, work_refunds
from core.tasks import run_jobs
from subscriptions.tasks import expire_due
from telegram_bot.process.database import THREADS
from telegram_bot.process.runner import BotProcess
from tests.world import Message, TelegramWorld
from vpnpanel.tasks import probe_panels, reconcile_due

Found = TypeVar("Found")


class RunningBot:
    """`with RunningBot():` runs one bot process in a thread; leaving waits until it ended in order."""

    def __enter__(self) -> "RunningBot":
        self._loop = asyncio.new_event_loop()
        self._process: BotProcess | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="bot", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *args: Any) -> None:
        self.stop()

    def stop(self) -> None:
        if self._process is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._process.stop)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the bot did not stop"

    @contextmanager
    def all_busy(self) -> Iterator[None]:
        """Let every thread that decides updates be at work, as in a flood; the bot has to have begun."""
        assert self._process is not None
        go_on = threading.Event()
        for _ in range(THREADS):
            asyncio.run_coroutine_threadsafe(self._process._database.run(go_on.wait, 30), self._loop)
        try:
            yield
        finally:
            go_on.set()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()
            self._loop.close()

    async def _main(self) -> None:
        self._process = BotProcess()
        await self._process.run()


def wait_for(look: Callable[[], Found], seconds: float = 15) -> Found:
    """Look until something is found, and return it; fail after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.03)


def wait_for_answer(telegram: TelegramWorld, user_id: int, text: str) -> Message:
    """Return the bot's newest message in the chat, once it contains `text`."""

    def look() -> Message | None:
        answers = telegram.answers(user_id)
        shown = (answers[-1].get("text") or answers[-1].get("caption") or "") if answers else ""
        return answers[-1] if text in shown else None

    try:
        return wait_for(look)
    except AssertionError as failed:
        raise AssertionError(f"no answer with {text!r}; the chat: {telegram.chat(user_id)[-3:]}") from failed


def buttons(message: Message) -> list[str]:
    """Return the captions of a message's buttons."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


class RunningWorker:
    """The scheduled work, done again and again in a thread, as the worker's sweeps do it."""

    TASKS = (
        work_notices,
        work_payments,
        work_refunds,
        fulfil_due,
        reconcile_due,
        probe_panels,
        expire_due,
        run_jobs,
    )

    def __enter__(self) -> "RunningWorker":
        self._stopping = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *args: Any) -> None:
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the worker did not stop"
        assert self.error is None, f"the worker broke: {self.error!r}"

    def _run(self) -> None:
        try:
            while not self._stopping.wait(0.1):
                for task in self.TASKS:
                    task()
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()
