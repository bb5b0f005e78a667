"""In-process publish and subscribe: stand-ins tell what happened, pages and the snapshot listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any

BACKLOG = 2000


class Subscription(AsyncIterator[dict[str, Any]]):
    """Events from the moment it was made; a reader that falls far behind loses the oldest ones."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def put(self, event: dict[str, Any] | None) -> None:
        if self._queue.qsize() >= BACKLOG:
            self._queue.get_nowait()
        self._queue.put_nowait(event)

    async def __anext__(self) -> dict[str, Any]:
        event = await self._queue.get()
        if event is None:
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        self._hub.forget(self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EventHub:
    """One per sandbox. Used from the sandbox's own event loop only."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._on_change: list[Callable[[], None]] = []
        self._closed = False

    def publish(self, kind: str, **data: Any) -> None:
        """Tell every subscriber; counts as a change of state for the snapshot. Never waits."""
        event = {"kind": kind, **data}
        for subscription in self._subscriptions:
            subscription.put(event)
        self.touch()

    def touch(self) -> None:
        """Say that state worth keeping changed though there is nothing to tell."""
        for callback in self._on_change:
            callback()

    def on_change(self, callback: Callable[[], None]) -> None:
        self._on_change.append(callback)

    def subscribe(self) -> Subscription:
        """Start listening now. Close it (it is a context manager) when the reader is gone."""
        subscription = Subscription(self)
        if self._closed:
            subscription.put(None)
        else:
            self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription, so that open event streams finish and the server can stop."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.put(None)
        self._subscriptions.clear()
