"""Clocks that can be moved, so that a month passes in a test without waiting."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any


class Clock:
    """Runs at normal speed from wherever it was put."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        """Unix seconds as the stand-in sees them."""
        return time.time() + self._offset

    def apply(self, order: dict[str, Any]) -> None:
        """Obey {"advance": seconds}, {"now": unix seconds} or {"real": true}.

        Raises ValueError if the order is none of these.
        """
        match order:
            case {"advance": int() | float() as seconds}:
                self._offset += seconds
            case {"now": int() | float() as moment}:
                self._offset = moment - time.time()
            case {"real": True}:
                self._offset = 0.0
            case _:
                raise ValueError('give {"advance": seconds}, {"now": unix seconds} or {"real": true}')

    def state(self) -> dict[str, Any]:
        return {"now": self.now(), "offset": self._offset, "real": self._offset == 0.0}


class WakingClock(Clock):
    """Wakes those who wait for a moment when it is moved there."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = asyncio.Event()

    def apply(self, order: dict[str, Any]) -> None:
        super().apply(order)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Return once the clock shows `seconds` more than now, however it got there."""
        until = self.now() + seconds
        while (left := until - self.now()) > 0:
            # Not wait_for: Python 3.11's swallows a cancellation that comes together with the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()
