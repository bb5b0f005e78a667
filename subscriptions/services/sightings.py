"""When apps and devices were last seen: gathered in memory and written later, so that a read writes nothing.

Each process keeps what it saw for up to a minute and hands it to the worker in one message; of one app or
device it is written once an hour at most. A message that is lost loses an hour of "last seen", nothing else.
"""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from core import clock
from core.nudges import send
from subscriptions.models import Device, Subscription
from subscriptions.told import Told

log = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(hours=1)
GATHER_SECONDS = 60.0
MOST_GATHERED = 500
BATCH = 100
WORDS = ("platform", "os_version", "model", "app")


class Gathering:
    """What this process saw and has not handed over yet. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._apps: dict[int, str] = {}
        self._devices: dict[int, list[str]] = {}
        self._timer: threading.Timer | None = None

    def add_app(self, subscription_id: int, app: str) -> None:
        with self._lock:
            self._apps[subscription_id] = app
            is_full = self._wait_or_fill()
        if is_full:
            self.hand_over()

    def add_device(self, device_id: int, words: list[str]) -> None:
        with self._lock:
            self._devices[device_id] = words
            is_full = self._wait_or_fill()
        if is_full:
            self.hand_over()

    def hand_over(self) -> None:
        """Send what was gathered to the worker. Touches no database."""
        with self._lock:
            apps, self._apps = self._apps, {}
            devices, self._devices = self._devices, {}
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if apps or devices:
            send("subscriptions.tasks.note_seen", list(apps.items()), list(devices.items()))

    def _wait_or_fill(self) -> bool:
        """Make sure that what waits goes at last; tell whether there is enough to go at once."""
        if self._timer is None:
            self._timer = threading.Timer(GATHER_SECONDS, self.hand_over)
            self._timer.daemon = True
            self._timer.start()
        return len(self._apps) + len(self._devices) >= MOST_GATHERED


gathering = Gathering()


def note_fetch(subscription: Subscription, app: str) -> None:
    """Note that an app fetched the servers. The first time is written now, once; later ones later."""
    now = clock.now()
    if subscription.first_fetched_at is None:
        _write_first(subscription.pk, app, now)
    elif subscription.last_fetched_at is None or now - subscription.last_fetched_at >= AGAIN_AFTER:
        gathering.add_app(subscription.pk, app)


def _write_first(subscription_id: int, app: str, now: datetime) -> None:
    """One conditional statement: of two first fetches one counts. An app is answered though it fails."""
    never = Subscription.objects.filter(pk=subscription_id, first_fetched_at__isnull=True)
    try:
        with transaction.atomic():
            never.update(first_fetched_at=now, last_fetched_at=now, last_app=app)
    except DatabaseError:
        log.exception("the first fetch of subscription %s could not be noted", subscription_id)


def note_device(device: Device, told: Told) -> None:
    """Note that a known device was seen; written later."""
    if clock.now() - device.last_seen_at >= AGAIN_AFTER:
        gathering.add_device(device.pk, [getattr(told, word) for word in WORDS])


def write_seen(apps: Iterable[tuple[int, str]], devices: Iterable[tuple[int, list[str]]]) -> int:
    """Write down what a process gathered, a hundred rows a statement; returns how many rows it was.

    Safe to repeat. Times are those of writing, a minute or so late.
    """
    now = clock.now()
    fetched, seen = dict(apps), dict(devices)
    done = 0
    for keys in _batches(sorted(fetched)):
        rows = [Subscription(pk=key, last_fetched_at=now, last_app=fetched[key]) for key in keys]
        done += Subscription.objects.bulk_update(rows, ["last_fetched_at", "last_app"])
    for keys in _batches(sorted(seen)):
        places = [
            Device(pk=key, last_seen_at=now, **dict(zip(WORDS, seen[key], strict=True))) for key in keys
        ]
        done += Device.objects.bulk_update(places, ["last_seen_at", *WORDS])
    return done


def _batches(keys: list[int]) -> list[list[int]]:
    return [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
