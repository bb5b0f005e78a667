"""getUpdates: one poller at a time, parked until there is something to say.

Rules and texts: https://github.com/tdlib/telegram-bot-api (Client.cpp, getUpdates).
"""

from __future__ import annotations

import asyncio
import time
from itertools import islice

from sandbox.telegram.errors import ApiError, conflict
from sandbox.telegram.params import Params
from sandbox.telegram.updates import Update, UpdateQueue

BATCH_LIMIT = 100
LONGEST_WAIT = 50
REPEAT_WAIT = 3
REPEAT_SOON = 0.5
OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_IS_SET = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
WEBHOOK_COMES = "terminated by setWebhook request"


class Polling:
    """Answers getUpdates from the queue. Waits are in real seconds, shortened by `speed_up`."""

    def __init__(self, queue: UpdateQueue) -> None:
        self._queue = queue
        self._parked: asyncio.Future[None] | None = None
        self.forget()

    def forget(self) -> None:
        """Start as after a restart; a call that is parked comes back empty."""
        self.wake()
        self.speed_up = 1.0
        self._last_offset: int | None = None
        self._last_at = 0.0
        self._conflict_at = 0.0

    def wake(self) -> None:
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(None)

    def end(self, reason: str) -> None:
        """Let the call that is parked, if any, fail with 409."""
        if self._parked is not None and not self._parked.done():
            self._parked.set_exception(conflict(reason))

    async def answer(self, params: Params, *, webhook_is_set: bool) -> str:
        """Give the updates as a JSON array. Raises ApiError 409 as the server does."""
        try:
            return await self._answer(params, webhook_is_set=webhook_is_set)
        except ApiError as error:
            if error.code == 409:
                await self._slow_down()
            raise

    async def _answer(self, params: Params, *, webhook_is_set: bool) -> str:
        if webhook_is_set:
            raise conflict(WEBHOOK_IS_SET)
        self.end(OTHER_POLLER)
        offset = params.integer("offset")
        limit = min(max(params.integer("limit", BATCH_LIMIT), 1), BATCH_LIMIT)
        timeout: float = min(max(params.integer("timeout"), 0), LONGEST_WAIT)
        limit, timeout = self._restrain(offset, limit, timeout)
        if "allowed_updates" in params:
            self._queue.want(params.json("allowed_updates", "allowed updates"))
        if offset > 0:
            self._queue.confirm_below(offset)
        elif offset < 0:
            self._queue.keep_last(-offset)
        batch = self._batch(limit)
        if not batch and timeout > 0:
            await self._park(timeout)
            batch = self._batch(limit)
        return f"[{','.join(update.text for update in batch)}]"

    def _restrain(self, offset: int, limit: int, timeout: float) -> tuple[int, float]:
        """Slow a poller that asks for the same again and again."""
        since = time.monotonic() - self._last_at
        if offset == self._last_offset:
            if since < REPEAT_WAIT and timeout < REPEAT_WAIT:
                timeout = REPEAT_WAIT
            if since < REPEAT_SOON:
                limit = 1
        self._last_offset, self._last_at = offset, time.monotonic()
        return limit, timeout / self.speed_up

    def _batch(self, limit: int) -> list[Update]:
        """Repeats come first; one of an update whose turn is yet to come waits for it.

        A poller that confirms the highest number it was given would otherwise skip those before it.
        """
        repeats = self._queue.take_repeats()
        room = max(limit - len(repeats), 0)
        left_out = next(islice(self._queue.waiting(), room, None), None)
        now = [each for each in repeats if left_out is None or each.id < left_out.id][:limit]
        self._queue.put_back([each for each in repeats if each not in now])
        return [*now, *islice(self._queue.waiting(), limit - len(now))]

    async def _park(self, seconds: float) -> None:
        parked = self._parked = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(parked, seconds)
        except TimeoutError:
            return
        finally:
            if self._parked is parked:
                self._parked = None

    async def _slow_down(self) -> None:
        """Delay every 409 that follows another within three seconds."""
        repeated = time.monotonic() - self._conflict_at < REPEAT_WAIT
        self._conflict_at = time.monotonic()
        if repeated:
            await asyncio.sleep(REPEAT_WAIT / self.speed_up)
            self._conflict_at = time.monotonic()
