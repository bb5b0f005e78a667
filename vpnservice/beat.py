"""The clock of the shop: one beat gives out the work, a second one waits for its lease to run out."""

import logging
import os
import signal
import socket
import time
import uuid
from typing import Any

from django.db import DatabaseError, InterfaceError
from django_celery_beat.schedulers import DatabaseScheduler

from core.heartbeat import still_turning
from core.services import drop_lease, hold_lease

log = logging.getLogger(__name__)

LEASE = "beat"
LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
STANDBY_SECONDS = 1.0


class LeasedScheduler(DatabaseScheduler):  # type: ignore[misc] # the package carries no types
    """Celery beat's scheduler that gives out work only while it holds the lease.

    Two at once would do no harm to money or access (a sweep may run twice), only cost.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._token = uuid.uuid4()
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._held_until = self._renew_at = 0.0
        super().__init__(*args, **kwargs)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            # Inside a worker beat is ended by SIGTERM: leave the way that gives the lease back.
            signal.signal(signal.SIGTERM, leave)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Give out what is due; return the seconds to wait before the next look."""
        still_turning("beat")
        if not self._is_leader():
            return STANDBY_SECONDS
        return float(super().tick(*args, **kwargs))

    def close(self) -> None:
        super().close()
        try:
            drop_lease(LEASE, token=self._token)
        except (DatabaseError, InterfaceError) as failed:
            log.warning("the lease of beat runs out by itself: %s", failed)

    def _is_leader(self) -> bool:
        now = time.monotonic()
        if now < self._renew_at:
            return True
        was_leader = now < self._held_until
        try:
            if not hold_lease(LEASE, holder=self._holder, token=self._token, seconds=LEASE_SECONDS):
                self._held_until = self._renew_at = 0.0
                return False
        except (DatabaseError, InterfaceError) as failed:
            log.warning("the lease of beat was not prolonged: %s", failed)
            return was_leader
        self._held_until, self._renew_at = now + LEASE_SECONDS, now + RENEW_SECONDS
        if not was_leader:
            log.info("beat is active as %s", self._holder)
            # The one before us has worked since we read the schedule: read it again.
            self._initial_read, self._heap = True, None
        return True


def leave(*_: Any) -> None:
    raise SystemExit(0)
