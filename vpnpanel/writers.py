"""One writer at a time on panels that lose changes made at once, over all processes and threads.

Some panels read, change and write back a whole list for every change, so that of two writers one loses.
Whoever writes to such a panel holds its lease in the database meanwhile. The lease is short, so that a
process that died does not block the panel for long, and is prolonged while calls are under way.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from core import claims, jobs
from core.models import Job
from core.said import said
from core.services import drop_lease, hold_lease
from vpnpanel import drivers
from vpnpanel.errors import PanelDown
from vpnpanel.models import Panel
from vpnpanel.plans import Plan

log = logging.getLogger(__name__)

T = TypeVar("T")

LEASE_SECONDS = 30.0
KEEP_EVERY_SECONDS = 5.0
# A job's lease outlasts many of these.
KEEP_JOB_EVERY_SECONDS = 30.0
# A change takes the one before us a fraction of a second; who waits longer leaves it to the sweep.
WAIT_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.1
LOOK_AGAIN_SECONDS = 1.0


class Writers:
    """The leases that one piece of work holds. Used by the one thread that may touch the database."""

    def __init__(self) -> None:
        self._token = uuid.uuid4()
        self._held: dict[int, float] = {}
        self._refused: dict[int, float] = {}

    @property
    def hold_any(self) -> bool:
        return bool(self._held)

    @property
    def elsewhere(self) -> set[int]:
        """Panels that somebody else was writing to just now."""
        since = time.monotonic() - LOOK_AGAIN_SECONDS
        return {panel_id for panel_id, at in self._refused.items() if at > since}

    def take(self, panel: Panel, *, wait_seconds: float = 0) -> bool:
        """Hold the panel for writing, if its kind needs that; tell whether we may write. Safe to repeat."""
        if not drivers.has_one_writer(panel.kind) or panel.pk in self._held:
            return True
        give_up_at = time.monotonic() + wait_seconds
        while not self._hold(panel.pk):
            if time.monotonic() >= give_up_at:
                self._refused[panel.pk] = time.monotonic()
                return False
            time.sleep(LOOK_EVERY_SECONDS)
        self._refused.pop(panel.pk, None)
        return True

    def keep(self) -> bool:
        """Prolong what is held; tell whether all of it was. Call it every second or so; it writes seldom."""
        kept = True
        for panel_id, since in list(self._held.items()):
            if time.monotonic() - since > KEEP_EVERY_SECONDS and not self._hold(panel_id):
                del self._held[panel_id]
                kept = False
                log.error("panel %s: another process writes to it while our call is under way", panel_id)
        return kept

    def drop(self) -> None:
        """Give everything back. Only when no call is under way."""
        for panel_id in self._held:
            drop_lease(_name(panel_id), token=self._token)
        self._held.clear()

    def _hold(self, panel_id: int) -> bool:
        holder = f"{socket.gethostname()}:{os.getpid()}"
        since = time.monotonic()
        if not hold_lease(_name(panel_id), holder=holder, token=self._token, seconds=LEASE_SECONDS):
            return False
        self._held[panel_id] = since
        return True


def reserve(plan: Plan, writers: Writers, *, wait_seconds: float = 0) -> Plan:
    """Return the plan without the calls on panels that somebody else is writing to: their turn comes."""
    works = tuple(work for work in plan.works if writers.take(work.account.panel, wait_seconds=wait_seconds))
    return plan if len(works) == len(plan.works) else replace(plan, works=works, is_partial=True)


@contextmanager
def sole_writer(panel: Panel, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[Writers]:
    """Be the panel's only writer while the block runs: for LEASE_SECONDS, or so long since the last `keep`.

    Raises PanelDown, which is tried again later, if somebody else goes on writing.
    """
    writers = Writers()
    try:
        if not writers.take(panel, wait_seconds=wait_seconds):
            raise PanelDown(said("another process is writing to the panel"))
        yield writers
    finally:
        writers.drop()


def keep_while(
    calls: "Future[T]", writers: Writers, job: Job, *, on_loss: Callable[[str], None] | None = None
) -> T:
    """Prolong the panel's lease and the job's while calls are under way: how many a step takes, and how long,
    is the driver's affair. Return what they return.

    `on_loss` is told why if a panel's lease went to somebody else, so that no further call begins.
    """
    prolonged_at = time.monotonic()
    try:
        while wait([calls], timeout=LOOK_AGAIN_SECONDS).not_done:
            if not writers.keep() and on_loss:
                on_loss("another process is writing to the panel")
            if time.monotonic() - prolonged_at > KEEP_JOB_EVERY_SECONDS:
                claims.prolong(job, lease_seconds=jobs.LEASE_SECONDS)
                prolonged_at = time.monotonic()
    except KeyboardInterrupt:
        if on_loss:
            on_loss("stopped")
        raise
    return calls.result()


def _name(panel_id: int) -> str:
    return f"writer of panel {panel_id}"
