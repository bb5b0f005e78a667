"""How often one caller may ask, counted in memory or, where there is Redis, for all processes together."""

import logging
import threading
import time
from typing import Any

from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from core.pauses import Pause

log = logging.getLogger(__name__)

# An answer must not wait for a Redis that is away, and callers must not be refused for it either.
REDIS_SECONDS = 0.3


class Rate:
    """Asks of many callers, each known by a key, so many a minute. While Redis is away all of them pass."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._limiter: SlidingWindowCounterRateLimiter | None = None
        self._building = threading.Lock()
        self._pause = Pause(seconds=5)

    def seconds_to_wait(self, key: str, per_minute: int) -> int:
        """Count one ask; return 0 if it may pass, else after how many seconds the next one may."""
        if self._pause.is_on:
            return 0
        item = RateLimitItemPerMinute(per_minute)
        try:
            limiter = self._limiter_of_process()
            if limiter.hit(item, self._name, key):
                return 0
            reset_at, _ = limiter.get_window_stats(item, self._name, key)
        except RedisError as away:
            self._pause.begin()
            log.warning("asks for %s are not counted: %s", self._name, type(away).__name__)
            return 0
        return max(int(reset_at - time.time()) + 1, 1)

    def forget(self) -> None:
        """Let everybody start anew."""
        self._limiter_of_process().storage.reset()

    def _limiter_of_process(self) -> SlidingWindowCounterRateLimiter:
        with self._building:
            if self._limiter is None:
                self._limiter = SlidingWindowCounterRateLimiter(_storage())
            return self._limiter


def _storage() -> Storage:
    if not settings.REDIS_URL:
        return MemoryStorage()
    impatient: dict[str, Any] = {
        "socket_timeout": REDIS_SECONDS,
        "socket_connect_timeout": REDIS_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    return RedisStorage(settings.REDIS_URL, **impatient)
