"""Notifications to the shop: unsigned, repeated for a day until one is answered 200, in no promised order."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.clock import WakingClock
from sandbox.events import EventHub
from sandbox.faults import Faults
from sandbox.yookassa.knobs import Knobs
from sandbox.yookassa.state import Shop, values

KEPT_SECONDS = 86_400
# The real pauses are not published; these grow.
PAUSES = (10, 30, 60, 300, 900, 1800, 3600)
ANSWER_SECONDS = 10
CONNECTIONS = 50
REORDER_SECONDS = 1.0
LOG_LENGTH = 10_000


@dataclass
class Delivery:
    """One notification to one address; `state`: waiting, delivered, given_up, dropped, or unsent."""

    number: int
    event: str
    object_id: str
    url: str
    body: str
    at: float
    state: str = "waiting"
    tries: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {**values(self), "body": json.loads(self.body)}


class Notifier:
    """One task per notification, so that a slow or failing one holds up no other."""

    def __init__(
        self, clock: WakingClock, hub: EventHub, faults: Faults, knobs: Knobs, url: str = ""
    ) -> None:
        self.clock, self.hub, self.knobs = clock, hub, knobs
        self.url, self._first_url = url, url
        self._faults = faults
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._untried: dict[int, asyncio.Event] = {}
        self._held: list[Delivery] = []
        self._numbers = itertools.count(1)
        self.deliveries: dict[int, Delivery] = {}

    @property
    def dice(self) -> random.Random:
        """The dice of the faults, so that one seed sets both."""
        return self._faults.dice

    def happens(self, share: float) -> bool:
        return share > 0 and self.dice.random() < share

    def tell(self, event: str, what: dict[str, Any], shop: Shop, *, notify: bool = True) -> None:
        """Send a notification as the knobs say; with `notify` false it is lost. Never waits."""
        body = json.dumps({"type": "notification", "event": event, "object": what}, ensure_ascii=False)
        url = self.url if shop.webhook_url is None else shop.webhook_url
        copies = 1 + (self.knobs.copies if self.happens(self.knobs.duplicate) else 0)
        lost = not notify or self.happens(self.knobs.drop)
        for _ in range(1 if lost or not url else copies):
            state = "dropped" if lost else "waiting" if url else "unsent"
            self._begin(self._enter(event, what["id"], url, body, state))

    def _enter(self, event: str, object_id: str, url: str, body: str, state: str) -> Delivery:
        delivery = Delivery(next(self._numbers), event, object_id, url, body, self.clock.now(), state)
        self.deliveries[delivery.number] = delivery
        if len(self.deliveries) > LOG_LENGTH:
            oldest = next(iter(self.deliveries))
            if self.deliveries[oldest].state != "waiting":
                del self.deliveries[oldest]
        return delivery

    def again(self, event: str, object_id: str) -> Delivery | None:
        """Send once more what was told of an object, whatever came of it then; None if nothing was."""
        for delivery in reversed(self.deliveries.values()):
            if (delivery.event, delivery.object_id) == (event, object_id):
                url = delivery.url or self.url
                copy = self._enter(event, object_id, url, delivery.body, "waiting" if url else "unsent")
                self._begin(copy)
                return copy
        return None

    def _begin(self, delivery: Delivery) -> None:
        if delivery.state != "waiting":
            return
        self._untried[delivery.number] = asyncio.Event()
        if self.knobs.reorder < 2:
            return self._spawn(self._deliver(delivery))
        self._held.append(delivery)
        if len(self._held) >= self.knobs.reorder:
            return self._release()
        if len(self._held) == 1:
            self._spawn(self._release_late())

    def _release(self) -> None:
        held, self._held = self._held, []
        self.dice.shuffle(held)
        for delivery in held:
            self._spawn(self._deliver(delivery))

    async def _release_late(self) -> None:
        await asyncio.sleep(REORDER_SECONDS)
        self._release()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        """Try until it is taken or a day is over; days and pauses pass `speedup` times as fast."""
        pauses = itertools.chain(PAUSES[len(delivery.tries) :], itertools.repeat(PAUSES[-1]))
        if self.knobs.delay and not delivery.tries:
            await self.clock.sleep(self.knobs.delay)
        while not await self._try(delivery):
            if self.clock.now() - delivery.at >= KEPT_SECONDS / self.knobs.speedup:
                delivery.state = "given_up"
                return self._tell_hub(delivery)
            self._tell_hub(delivery)
            # From the try's beginning, so that a clock moved while it was under way counts.
            again_at = delivery.tries[-1]["at"] + next(pauses) / self.knobs.speedup
            await self.clock.sleep(again_at - self.clock.now())
        delivery.state = "delivered"
        self._tell_hub(delivery)

    async def _try(self, delivery: Delivery) -> bool:
        row: dict[str, Any] = {"at": self.clock.now()}
        headers = {"Content-Type": "application/json", **self.knobs.headers}
        try:
            async with self._open().post(
                delivery.url, data=delivery.body.encode(), headers=headers
            ) as answer:
                row["status"] = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            row["error"] = f"{type(error).__name__}: {error}"
        delivery.tries.append(row)
        if (waited := self._untried.pop(delivery.number, None)) is not None:
            waited.set()
        return row.get("status") == 200

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            )
        return self._session

    def _tell_hub(self, delivery: Delivery) -> None:
        last = delivery.tries[-1]
        self.hub.publish(
            "yookassa.delivery",
            event=delivery.event,
            object_id=delivery.object_id,
            state=delivery.state,
            status=last.get("status"),
        )

    async def first_tries(self, object_id: str) -> None:
        """Return once everything told of an object so far has been tried."""
        for number, waited in list(self._untried.items()):
            if self.deliveries[number].object_id == object_id:
                await waited.wait()

    def resume(self) -> None:
        """Go on with what a snapshot left waiting."""
        for delivery in self.deliveries.values():
            self._begin(delivery)

    async def close(self) -> None:
        """Stop every delivery. Safe to repeat."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for waited in self._untried.values():
            waited.set()
        self._untried, self._held = {}, []
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def reset(self) -> None:
        """Forget everything told so far, and go back to the first address."""
        await self.close()
        self.deliveries, self.url = {}, self._first_url

    def dump(self) -> dict[str, Any]:
        return {"url": self.url, "deliveries": [values(each) for each in self.deliveries.values()]}

    def load(self, saved: dict[str, Any]) -> None:
        # Where it is told to now counts: the shop may listen elsewhere since.
        self.url = self._first_url or saved["url"]
        self.deliveries = {row["number"]: Delivery(**row) for row in saved["deliveries"]}
        self._numbers = itertools.count(max(self.deliveries, default=0) + 1)
