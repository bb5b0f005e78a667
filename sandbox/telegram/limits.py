"""How fast a bot may send: token buckets for everything, for one chat, for one group."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.telegram.errors import too_many

GROUP_PER_MINUTE = 20


@dataclass
class Rates:
    """Messages per second; `burst` is how many a private chat takes at once."""

    enabled: bool = True
    overall: float = 30
    chat: float = 1
    burst: float = 3


class Bucket:
    """Fills at `rate` tokens per second up to `size`."""

    __slots__ = ("at", "rate", "size", "tokens")

    def __init__(self, rate: float, size: float, now: float) -> None:
        self.rate = rate
        self.size = size
        self.tokens = size
        self.at = now

    def wait(self, now: float) -> float:
        """Seconds until a token is there, 0 if one is."""
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = now
        return max(0.0, (1 - self.tokens) / self.rate)


class Limits:
    """Decides whether one more message may be sent now."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.rates = Rates()
        self._fill()

    def _fill(self) -> None:
        self._overall = Bucket(self.rates.overall, self.rates.overall, self._now())
        self._chats: dict[int, Bucket] = {}

    def change(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Set any of enabled, global, chat, burst; buckets start full. Raises ValueError if out of range."""
        fields = {"overall" if key == "global" else key: value for key, value in wish.items()}
        unknown = fields.keys() - asdict(self.rates).keys()
        if unknown:
            raise ValueError(f"unknown field {min(unknown)!r}")
        if any(not value > 0 for key, value in fields.items() if key != "enabled"):
            raise ValueError("rates must be above 0")
        self.rates = Rates(**(asdict(self.rates) | fields))
        self._fill()
        return self.state()

    def state(self) -> dict[str, Any]:
        state = asdict(self.rates)
        return {"global": state.pop("overall")} | state

    def spend(self, chat_id: int) -> None:
        """Count one message to a chat. Raises ApiError 429 saying how long to wait; that costs nothing."""
        if not self.rates.enabled:
            return
        now = self._now()
        chat = self._chats.get(chat_id)
        if chat is None:
            chat = self._chats[chat_id] = self._bucket_for(chat_id, now)
        wait = max(self._overall.wait(now), chat.wait(now))
        if wait > 0:
            raise too_many(max(1, math.ceil(wait)))
        self._overall.tokens -= 1
        chat.tokens -= 1

    def _bucket_for(self, chat_id: int, now: float) -> Bucket:
        if chat_id < 0:
            return Bucket(GROUP_PER_MINUTE / 60, GROUP_PER_MINUTE, now)
        return Bucket(self.rates.chat, self.rates.burst, now)
