"""Only one beat gives out work; the other takes over when the first leaves or is lost."""

import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from core import clock
from core.models import Lease
from vpnservice.beat import LEASE, STANDBY_SECONDS, LeasedScheduler
from vpnservice.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beats() -> Iterator[tuple[LeasedScheduler, LeasedScheduler]]:
    handler = signal.getsignal(signal.SIGTERM)
    yield LeasedScheduler(app=app, lazy=True), LeasedScheduler(app=app, lazy=True)
    signal.signal(signal.SIGTERM, handler)


def holder_token() -> str:
    return str(Lease.objects.get(name=LEASE).token)


def test_first_beat_holds_the_lease_and_the_second_waits(beats):
    first, second = beats
    first.tick()
    token = holder_token()
    assert second.tick() == STANDBY_SECONDS
    assert holder_token() == token


def test_second_beat_takes_over_at_once_when_the_first_leaves(beats):
    first, second = beats
    first.tick()
    token = holder_token()
    first.close()
    second.tick()
    assert holder_token() != token


def test_second_beat_takes_over_when_the_lease_of_a_lost_one_is_over(beats):
    first, second = beats
    first.tick()
    token = holder_token()
    Lease.objects.filter(name=LEASE).update(until=clock.database_now() - timedelta(seconds=1))
    second.tick()
    assert holder_token() != token
