"""The way from the event loop to the database: a few threads, each with a connection of its own.

Django's own `sync_to_async` runs everything in one thread; a pool of eight does twice as many
transactions a second on PostgreSQL (docs/decisions/0005-database-threads-in-the-bot.md).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from threading import Barrier
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

Result = TypeVar("Result")

THREADS = 4 if settings.IS_SQLITE else 8


class DatabaseThreads:
    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="database")
        self._threads = threads

    async def run(self, work: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """Run `work` in one of the threads, with a connection that works."""
        context = copy_context()
        call = partial(_with_connection, work, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, call)

    def close(self) -> None:
        """Wait for running work, then give the threads and their connections back."""
        all_here = Barrier(self._threads)
        for _ in range(self._threads):
            self._pool.submit(_close_connections, all_here)
        self._pool.shutdown(wait=True)


def _close_connections(all_here: Barrier) -> None:
    """Close this thread's connections. No thread leaves before the last has come, so each gets its turn."""
    all_here.wait()
    connections.close_all()


def _with_connection(work: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Keep the thread's connection: giving it back after each call costs a round trip to check it.

    Only one that met an error is closed, so that the next call gets one that works.
    """
    try:
        return work(*arguments, **named)
    finally:
        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred:
                connection.close()
