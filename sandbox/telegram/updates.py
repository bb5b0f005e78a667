"""The queue of updates: ids, which kinds are wanted, confirmation, expiry."""

from __future__ import annotations

import json
import random
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "message_reaction",
    "message_reaction_count",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "purchased_paid_media",
    "managed_bot",
    "guest_message",
)
NOT_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}
DEFAULT_KINDS = frozenset(KINDS) - NOT_BY_DEFAULT
DAY_SECONDS = 86400
QUERY_SECONDS = 150
HISTORY_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Update:
    """One update, written out once: it may be sent many times. `key` names the queue it is ordered in."""

    id: int
    key: str
    lifetime: float
    expires_at: float
    text: str

    def fields(self) -> list[Any]:
        return [self.id, self.key, self.lifetime, self.expires_at, self.text]


class UpdateQueue:
    """Updates wait here in order of id until they are confirmed, accepted by the webhook, or too old."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.on_new: Callable[[Update], None] = lambda update: None
        self.clear()

    def clear(self) -> None:
        # A random start, as after a week without updates: ids of an earlier run must not come again.
        self._next_id = random.randint(100_000_000, 900_000_000)
        self.wanted = DEFAULT_KINDS
        self._pending: OrderedDict[int, Update] = OrderedDict()
        self._again: list[Update] = []
        # The same updates by lifetime: in each group the oldest is the first to expire.
        self._by_lifetime: dict[float, OrderedDict[int, Update]] = {}
        self._history: OrderedDict[int, Update] = OrderedDict()

    def want(self, names: Any) -> None:
        """Set which kinds are queued from now on; [] means the default; unknown names are ignored."""
        if isinstance(names, list):
            self.wanted = frozenset(names) & frozenset(KINDS) or DEFAULT_KINDS

    def wanted_names(self) -> list[str] | None:
        """Give the kinds in their usual order, None if it is the default set."""
        return None if self.wanted == DEFAULT_KINDS else [kind for kind in KINDS if kind in self.wanted]

    def add(self, kind: str, body: dict[str, Any], *, key: str, lifetime: float = DAY_SECONDS) -> int | None:
        """Queue an update and give its id; None if its kind is not wanted. `lifetime` is in seconds."""
        if kind not in self.wanted:
            return None
        number = self._next_id
        self._next_id += 1
        text = json.dumps({"update_id": number, kind: body}, separators=(",", ":"), ensure_ascii=False)
        update = Update(number, f"{key}:{kind}", lifetime, self._now() + lifetime, text)
        self._keep(update)
        self._history[number] = update
        if len(self._history) > HISTORY_KEPT:
            self._history.popitem(last=False)
        self.on_new(update)
        return number

    def _keep(self, update: Update) -> None:
        self._pending[update.id] = update
        self._by_lifetime.setdefault(update.lifetime, OrderedDict())[update.id] = update

    def repeat(self, number: int) -> bool:
        """Deliver an update once more, confirmed or not; False if it is not known any more."""
        update = self._history.get(number)
        if update is None:
            return False
        self._again.append(update)
        self.on_new(update)
        return True

    def drop_expired(self) -> None:
        """Forget silently what is too old. Costs only what expired."""
        now = self._now()
        for group in self._by_lifetime.values():
            while group and next(iter(group.values())).expires_at <= now:
                self.discard(next(iter(group)))

    def confirm_below(self, offset: int) -> None:
        while self._pending and (first := next(iter(self._pending))) < offset:
            self.discard(first)

    def keep_last(self, count: int) -> None:
        """Drop all but the newest `count`, the meaning of a negative offset."""
        while len(self._pending) > count:
            self.discard(next(iter(self._pending)))

    def drop_all(self) -> None:
        self._pending.clear()
        self._by_lifetime.clear()
        self._again.clear()

    def discard(self, number: int) -> None:
        update = self._pending.pop(number, None)
        if update is not None:
            del self._by_lifetime[update.lifetime][number]

    def take_repeats(self) -> list[Update]:
        repeats, self._again = self._again, []
        return repeats

    def put_back(self, repeats: list[Update]) -> None:
        self._again = [*repeats, *self._again]

    def waiting(self) -> Iterator[Update]:
        """Give what waits, oldest first, without taking it out."""
        self.drop_expired()
        return iter(self._pending.values())

    def __len__(self) -> int:
        self.drop_expired()
        return len(self._pending)

    def dump(self) -> dict[str, Any]:
        pending = [update.fields() for update in self.waiting()]
        return {"next_id": self._next_id, "wanted": sorted(self.wanted), "pending": pending}

    def load(self, state: dict[str, Any]) -> None:
        self.clear()
        self._next_id = state["next_id"]
        self.wanted = frozenset(state["wanted"])
        for fields in state["pending"]:
            update = Update(*fields)
            self._keep(update)
            self._history[update.id] = update
