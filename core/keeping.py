"""Texts kept for a while in Django's cache. While it is away they are made anew, nothing worse."""

import logging

from django.core.cache import cache
from redis.exceptions import RedisError

from core.pauses import Pause

log = logging.getLogger(__name__)

pause = Pause(seconds=5)


def get(key: str) -> str | None:
    """Return what was kept under the key, None if there is nothing or the cache is away."""
    if pause.is_on:
        return None
    try:
        found: str | None = cache.get(key)
    except RedisError as away:
        _leave_alone(away)
        return None
    return found


def put(key: str, text: str, seconds: int) -> None:
    """Keep the text for that long, if the cache is there."""
    if pause.is_on:
        return
    try:
        cache.set(key, text, seconds)
    except RedisError as away:
        _leave_alone(away)


def _leave_alone(away: RedisError) -> None:
    pause.begin()
    log.warning("the cache does not answer: %s", type(away).__name__)
