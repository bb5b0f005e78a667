"""Slow follow-ups: nobody waits for them longer than agreed, and none of them breaks the bot."""

import asyncio
import threading
import time

from core.errors import ServiceUnreachable
from telegram_bot.process.slow import SlowThreads


def run(*works, threads: int = 1, seconds: float = 0.2) -> float:
    """Run works side by side and return how long they were waited for."""

    async def main() -> float:
        slow = SlowThreads(threads=threads, seconds=seconds)
        began = time.monotonic()
        await asyncio.gather(*(slow.run(work) for work in works))
        waited = time.monotonic() - began
        await asyncio.to_thread(slow.close)
        return waited

    return asyncio.run(main())


def test_work_that_is_too_late_goes_on_alone(db):
    done = threading.Event()

    def work() -> None:
        time.sleep(0.6)
        done.set()

    assert run(work) < 0.5
    assert done.is_set(), "closing waits for it"


def test_work_without_a_thread_is_left_to_the_sweep(db):
    begun: list[int] = []

    def work() -> None:
        begun.append(1)
        time.sleep(0.5)

    assert run(work, work) < 0.45
    assert len(begun) == 1


def test_failures_are_noted_and_nothing_else(db, caplog):
    def unreachable() -> None:
        raise ServiceUnreachable("the provider is down")

    def broken() -> None:
        raise LookupError("a defect")

    run(unreachable, broken, threads=2)
    assert "the provider is down" in caplog.text and "a defect" in caplog.text
