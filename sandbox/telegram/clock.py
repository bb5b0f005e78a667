"""The stand-in's clock, on which jobs can wait."""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox.clock import Clock


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
            try:
                await asyncio.wait_for(self._moved.wait(), left)
            except TimeoutError:
                continue
