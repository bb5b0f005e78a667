"""Telegram's allowed speed, for the one process that writes to Telegram.

Two limits hold at once: so many messages a second in all, and about one a second to one chat with a
short burst. Lanes share the whole: answers to presses go as fast as the whole allows; transactional
messages have a share of their own that answers cannot take; broadcasts use what both leave over.
Figures: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

import asyncio
import enum
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

CHAT_BURST = 3
CHATS_REMEMBERED = 10_000
ROUNDING = 1e-6  # a wait too short to move the clock would be waited for ever


class Lane(enum.IntEnum):
    ANSWER = 0
    TRANSACTIONAL = 1
    BROADCAST = 2


class Bucket:
    """Tokens that grow at `rate` a second up to `burst`."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at = burst, now

    def seconds_until(self, tokens: float, now: float) -> float:
        """Return how long until `tokens` are there; 0 if they are."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        missing = tokens - self._tokens
        return missing / self._rate if missing > ROUNDING else 0.0

    def take(self) -> None:
        self._tokens -= 1


class Limiter:
    """Gives turns to send. One instance per process, used from one event loop."""

    def __init__(
        self,
        *,
        per_second: float,
        per_chat_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._per_chat_second = per_chat_second
        now = clock()
        self._all = Bucket(per_second, max(1.0, per_second / 2), now)
        self._share = Bucket(per_second / 5, max(1.0, per_second / 5), now)
        self._chats: OrderedDict[int, Bucket] = OrderedDict()
        self._lanes = {lane: asyncio.Lock() for lane in Lane}
        self._keep_free = {
            Lane.ANSWER: 0.0,
            Lane.TRANSACTIONAL: per_second / 10,
            Lane.BROADCAST: per_second / 4,
        }
        self._paused_until = now

    def pause(self, seconds: float) -> None:
        """Stop every lane for `seconds` and a little more: Telegram asked for it."""
        self._paused_until = max(self._paused_until, self._clock() + seconds + random.uniform(0.1, 0.5))

    async def turn(self, chat_id: int, lane: Lane) -> None:
        """Wait until one message may go to the chat."""
        while wait := self._chat(chat_id).seconds_until(1, self._clock()):
            await self._sleep(wait)
        self._chat(chat_id).take()
        async with self._lanes[lane]:  # first come, first served within a lane
            while wait := self._seconds_until_free(lane):
                await self._sleep(wait)
            self._all.take()

    def _seconds_until_free(self, lane: Lane) -> float:
        now = self._clock()
        if now < self._paused_until:
            return self._paused_until - now
        if wait := self._all.seconds_until(1, now):
            return wait
        if lane is Lane.TRANSACTIONAL and self._share.seconds_until(1, now) == 0:
            self._share.take()
            return 0.0
        return self._all.seconds_until(1 + self._keep_free[lane], now)

    def _chat(self, chat_id: int) -> Bucket:
        bucket = self._chats.get(chat_id)
        if bucket is None:
            bucket = Bucket(self._per_chat_second, CHAT_BURST * self._per_chat_second, self._clock())
            self._chats[chat_id] = bucket
            if len(self._chats) > CHATS_REMEMBERED:
                self._chats.popitem(last=False)
        self._chats.move_to_end(chat_id)
        return bucket
