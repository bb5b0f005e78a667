"""Works in line for their panels, so that what waits for the same panel goes to it together.

The first goes at once and alone. While a batch is on its way the next one gathers: nothing waits for company,
and the longer a line grows, the less each in it costs. How long a batch takes is watched, so that a change
made meanwhile need not wait long for its turn on a slow panel.

One thread, which may touch the database, puts works in line and takes what became of them; others make the
calls, one for each panel at a time.
"""

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

from vpnpanel import drivers
from vpnpanel.calls import Drivers, carry_out_together
from vpnpanel.plans import Result, Work

THREADS = 8
# About how long a batch may take. How many fit into it is known after the first; until then so many may wait.
BATCH_SECONDS = 5.0
FIRST_AT_ONCE = 5
SLOW_SECONDS = 5.0

T = TypeVar("T")


class _Line(Generic[T]):
    """What waits for one panel, with who asked for it, and since when something is on its way."""

    def __init__(self, at_once: int) -> None:
        self._lock = Lock()
        self._most = at_once
        self._waiting: deque[tuple[Work, T]] = deque()
        self._since: float | None = None
        self.at_once = min(at_once, FIRST_AT_ONCE)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= self.at_once

    @property
    def is_slow(self) -> bool:
        since = self._since
        return since is not None and time.monotonic() - since > SLOW_SECONDS

    def add(self, work: Work, asker: T) -> bool:
        """Put a work in line; tell whether somebody must set out with it."""
        with self._lock:
            self._waiting.append((work, asker))
            is_idle, self._since = self._since is None, self._since or time.monotonic()
            return is_idle

    def next(self) -> list[tuple[Work, T]]:
        """Return what goes together now; nothing if nobody waits any more."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self.at_once, len(self._waiting)))]
            self._since = time.monotonic() if batch else None
            return batch

    def note_pace(self, count: int, seconds: float) -> None:
        """See to it that the next batch takes about as long as one should, going by the last one."""
        fitting = int(BATCH_SECONDS * count / max(seconds, 0.001))
        self.at_once = min(self._most, max(fitting, min(self._most, 2)))


class Lines(Generic[T]):
    """The lines of all panels. `T`: who asks, handed back with what became of a work."""

    def __init__(self, panel_drivers: Drivers, stack: ExitStack) -> None:
        self._drivers = panel_drivers
        self._lines: dict[int, _Line[T]] = {}
        self._back: SimpleQueue[list[tuple[T, Result]]] = SimpleQueue()
        self._out: dict[int, int] = {}
        self._pool = stack.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="reconcile"))

    def __bool__(self) -> bool:
        return bool(self._out)

    @property
    def in_use(self) -> set[int]:
        """Panels that something is on its way to, or back from and not taken yet."""
        return set(self._out)

    @property
    def full(self) -> set[int]:
        return {panel_id for panel_id in self._out if self._lines[panel_id].is_full}

    @property
    def slow(self) -> set[int]:
        return {panel_id for panel_id in self._out if self._lines[panel_id].is_slow}

    def add(self, work: Work, asker: T) -> None:
        panel = work.account.panel
        line = self._lines.setdefault(panel.pk, _Line(drivers.at_once(panel.kind)))
        self._out[panel.pk] = self._out.get(panel.pk, 0) + 1
        if line.add(work, asker):
            self._pool.submit(self._work_off, line)

    def take(self, wait_seconds: float) -> list[tuple[T, Result]]:
        """Return what is back, waiting for the first so long."""
        back: list[tuple[T, Result]] = []
        try:
            back += self._back.get(timeout=wait_seconds) if wait_seconds else self._back.get_nowait()
            while True:
                back += self._back.get_nowait()
        except Empty:
            pass
        for _, result in back:
            panel_id = result.work.account.panel_id
            self._out[panel_id] -= 1
            if not self._out[panel_id]:
                del self._out[panel_id]
        return back

    def _work_off(self, line: _Line[T]) -> None:
        while batch := line.next():
            began = time.monotonic()
            results = carry_out_together([work for work, _ in batch], self._drivers)
            line.note_pace(len(batch), time.monotonic() - began)
            self._back.put([(asker, result) for (_, asker), result in zip(batch, results, strict=True)])
