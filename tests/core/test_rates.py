"""How often one caller may ask, and that nobody is refused for a Redis that is away."""

import socket
import time
from collections.abc import Iterator

import pytest

from core import keeping
from core.rates import Rate


@pytest.fixture
def silent_redis(settings) -> Iterator[None]:
    """A server that takes connections and says nothing, which is worse than none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        settings.REDIS_URL = address
        options = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3}
        backend = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": address, "OPTIONS": options}}
        yield
    keeping.pause.end()


def test_so_many_pass_in_a_minute_and_then_it_says_when(settings):
    rate = Rate("test of many")
    rate.forget()
    assert [rate.seconds_to_wait("a", 3) for _ in range(3)] == [0, 0, 0]
    assert 1 <= rate.seconds_to_wait("a", 3) <= 61


def test_callers_and_rates_are_counted_apart():
    one, other = Rate("test of one"), Rate("test of another")
    one.forget()
    assert one.seconds_to_wait("a", 1) == 0
    assert one.seconds_to_wait("a", 1) > 0
    assert one.seconds_to_wait("b", 1) == other.seconds_to_wait("a", 1) == 0


def test_while_redis_is_silent_all_pass_and_only_the_first_waits(silent_redis, caplog):
    rate = Rate("test of silence")
    began = time.monotonic()
    assert [rate.seconds_to_wait("a", 1) for _ in range(50)] == [0] * 50
    assert time.monotonic() - began < 2
    assert len(caplog.records) == 1


def test_while_the_cache_is_silent_nothing_is_kept_and_only_the_first_waits(silent_redis, caplog):
    began = time.monotonic()
    for _ in range(50):
        keeping.put("key", "text", 60)
        assert keeping.get("key") is None
    assert time.monotonic() - began < 2
    assert len(caplog.records) == 1


def test_a_text_is_kept():
    keeping.put("test-of-keeping", "text", 60)
    assert keeping.get("test-of-keeping") == "text"
