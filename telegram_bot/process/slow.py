"""Threads for slow follow-ups: a provider that hangs holds up who pays, and nobody else."""

import asyncio
import logging
from collections.abc import Callable

from django.db import connections

from core.errors import OutsideError
from telegram_bot.process.database import DatabaseThreads

log = logging.getLogger(__name__)

# With the eight that decide, that of the lease and that of the inbox as many as the pool has connections.
THREADS = 3
# Telegram forgets a press after some minutes, people after some seconds.
SECONDS = 10


class SlowThreads:
    def __init__(self, *, threads: int = THREADS, seconds: float = SECONDS) -> None:
        self._threads = DatabaseThreads(threads)
        self._seconds = seconds

    async def run(self, work: Callable[[], None]) -> None:
        """Let `work` try, for as long as a customer may wait; then the screen shows how things stand.

        Work that is too late goes on in its thread, work that had no thread yet is left to the sweep.
        """
        try:
            async with asyncio.timeout(self._seconds):
                await self._threads.run(_tried, work)
        except TimeoutError:
            log.info("a follow-up takes longer than %s s", self._seconds)

    def close(self) -> None:
        """Wait for what still runs, then give the threads back."""
        self._threads.close()


def _tried(work: Callable[[], None]) -> None:
    """Note a failure here: when it is late, nobody waits for it any more."""
    try:
        work()
    except OutsideError as failed:
        log.warning("a follow-up failed: %s", failed)
    except Exception:  # the screen shows how things stand, and a sweep tries again
        log.exception("a follow-up broke")
    finally:
        connections.close_all()  # rare work: the connection is of more use to others
