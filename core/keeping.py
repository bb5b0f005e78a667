"""Texts kept for a while in Django's cache. While it is away they are made anew, nothing worse."""

import logging
import time

from django.core.cache import cache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

QUIET_SECONDS = 5.0
_away_until = 0.0


def get(key: str) -> str | None:
    """Return what was kept under the key, None if there is nothing or the cache is away."""
    if time.monotonic() < _away_until:
        return None
    try:
        found: str | None = cache.get(key)
    except RedisError as away:
        _leave_alone(away)
        return None
    return found


def put(key: str, text: str, seconds: int) -> None:
    """Keep the text for that long, if the cache is there."""
    if time.monotonic() < _away_until:
        return
    try:
        cache.set(key, text, seconds)
    except RedisError as away:
        _leave_alone(away)


def _leave_alone(away: RedisError) -> None:
    global _away_until
    _away_until = time.monotonic() + QUIET_SECONDS
    log.warning("the cache does not answer: %s", type(away).__name__)
