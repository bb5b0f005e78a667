"""What the panel tells other programs: events in an array, late, at most four times, never dated."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import aiohttp

from sandbox.clock import Clock
from sandbox.marzban.state import Admin, User

ATTEMPTS = 4
USED_PERCENT = 80
DAYS_LEFT = 3
ACTIONS = {"active": "user_enabled"}

logger = logging.getLogger(__name__)


class Webhooks:
    """The queue in the panel's memory and its sender. Without an address nothing is queued."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        # The panel stamps every event with the moment it started itself, not the event's.
        self.started_at = clock.now()
        self.forget()

    def forget(self) -> None:
        """Go back to no addresses and an empty queue."""
        self.addresses: list[str] = []
        self.secret = ""
        self.interval_seconds = 30.0
        self.retry_seconds = 180.0
        self.waiting: list[dict[str, Any]] = []
        self.told: set[tuple[str, str, int]] = set()
        self.sent_at = self.clock.now()

    def configure(self, wish: dict[str, Any]) -> None:
        """Take over {"addresses", "secret", "interval", "retry"}; seconds, all optional."""
        self.addresses = list(wish.get("addresses", self.addresses))
        self.secret = str(wish.get("secret", self.secret))
        self.interval_seconds = float(wish.get("interval", self.interval_seconds))
        self.retry_seconds = float(wish.get("retry", self.retry_seconds))

    def queue(self, action: str, username: str, *, by: Admin | None = None, **more: Any) -> None:
        if not self.addresses:
            return
        event: dict[str, Any] = {"enqueued_at": self.started_at, "send_at": self.started_at, "tries": 0}
        event |= {"username": username, "action": action}
        if action not in ("user_limited", "user_expired", "reached_usage_percent", "reached_days_left"):
            event["by"] = by.as_json() if by is not None else None
        self.waiting.append(event | more)

    def queue_status(self, status: str, username: str, *, by: Admin | None, user: dict[str, Any]) -> None:
        more = {"reason": None} if status == "disabled" else {}
        self.queue(ACTIONS.get(status, f"user_{status}"), username, by=by, user=user, **more)

    def queue_usage_percent(self, user: User, show: Callable[[User], dict[str, Any]]) -> None:
        percent = 100 * user.used_traffic / user.data_limit if user.data_limit else 0
        if percent >= USED_PERCENT and self._first_time("percent", user, user.data_limit or 0):
            self.queue("reached_usage_percent", user.username, used_percent=percent, user=show(user))

    def queue_days_left(self, user: User, days: float, show: Callable[[User], dict[str, Any]]) -> None:
        if 0 < days <= DAYS_LEFT and self._first_time("days", user, user.expire or 0):
            self.queue("reached_days_left", user.username, days_left=int(days), user=show(user))

    def _first_time(self, kind: str, user: User, threshold: int) -> bool:
        mark = (kind, user.key, threshold)
        if not self.addresses or mark in self.told:
            return False
        self.told.add(mark)
        return True

    async def send_if_due(self) -> None:
        """Send what waits if the interval is over; a batch nobody took goes back for a later try."""
        now = self.clock.now()
        if 0 <= now - self.sent_at < self.interval_seconds:
            return
        self.sent_at = now
        batch = [event for event in self.waiting if event["tries"] == 0 or event["send_at"] <= now]
        if not batch:
            return
        self.waiting = [event for event in self.waiting if event not in batch]
        if not await self._deliver(batch):
            for event in batch:
                event["tries"] += 1
                event["send_at"] = now + self.retry_seconds
            self.waiting += [event for event in batch if event["tries"] < ATTEMPTS]

    async def _deliver(self, batch: list[dict[str, Any]]) -> bool:
        """Post to every address; one that says 2xx is enough."""
        headers = {"x-webhook-secret": self.secret} if self.secret else {}
        headers["User-Agent"] = "python-requests/2.32.3"
        taken = False
        async with aiohttp.ClientSession() as session:
            for address in self.addresses:
                try:
                    async with session.post(address, json=batch, headers=headers) as response:
                        taken = taken or response.ok
                except (aiohttp.ClientError, TimeoutError) as error:
                    logger.info("The panel's webhook to %s failed: %s", address, error)
        return taken
