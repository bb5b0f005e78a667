"""Whatever is given, used, taken back and restored in whatever order, no second is invented or lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from subscriptions import services
from subscriptions.models import Subscription
from tests.factories import let_pass, make_subscription

DAY = 86_400
FROZEN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

spans = st.integers(min_value=1, max_value=40 * DAY)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("give"), spans),
        st.tuples(st.just("pass"), st.integers(min_value=1, max_value=12 * DAY)),
        st.tuples(st.just("revoke"), st.integers(0, 9)),
        st.tuples(st.just("restore"), st.integers(0, 9)),
    ),
    max_size=14,
)


NEWER_TAKEN_FIRST = [("give", 30 * DAY), ("give", 20 * DAY), ("revoke", 2), ("revoke", 1)]
# Used in part, taken back, restored behind a newer one, and taken back again: only the rest may go.
TAKEN_TWICE = [
    ("give", 10 * DAY),
    ("pass", 8 * DAY),
    ("revoke", 1),
    ("give", 20 * DAY),
    ("restore", 1),
    ("revoke", 1),
]


class Queue:
    """What ought to be: spans of time in a row, used up from the front."""

    def __init__(self) -> None:
        self.left: list[list[int]] = []  # [number of the grant, seconds still to come]
        self.taken: dict[int, int] = {}

    def give(self, number: int, seconds: int) -> None:
        self.left.append([number, seconds])

    def let_pass(self, seconds: int) -> None:
        for span in self.left:
            used = min(span[1], seconds)
            span[1] -= used
            seconds -= used

    def revoke(self, number: int) -> None:
        if number not in self.taken:
            self.taken[number] = sum(span[1] for span in self.left if span[0] == number)
            self.left = [span for span in self.left if span[0] != number]

    def restore(self, number: int) -> None:
        if number in self.taken:
            self.give(number, self.taken.pop(number))

    @property
    def seconds(self) -> int:
        return sum(span[1] for span in self.left)


@contextmanager
def still_clock() -> Iterator[int]:
    """Yield by how many seconds a step may differ: PostgreSQL's clock cannot be stopped."""
    if connection.vendor == "postgresql":
        yield 2
        return
    with time_machine.travel(FROZEN, tick=False):
        yield 0


class GrantQueueTest(TestCase):
    @settings(max_examples=80, deadline=None)
    @given(steps=steps)
    @example(steps=NEWER_TAKEN_FIRST)
    @example(steps=TAKEN_TWICE)
    def test_end_follows_a_simple_queue(self, steps):
        with still_clock() as tolerance:
            queue, subscription = Queue(), make_subscription()
            sources = [subscription.grants.get().source]
            queue.give(0, 7 * DAY)
            for action, value in steps:
                self.act(queue, subscription, sources, action, value)
                self.compare(queue, subscription, sources, tolerance * (len(steps) + 1))

    def act(self, queue, subscription, sources, action, value):
        if action == "give":
            sources.append(f"order:{len(sources)}")
            queue.give(len(sources) - 1, value)
            services.give(subscription.pk, source=sources[-1], seconds=value, actor="test")
        elif action == "pass":
            queue.let_pass(value)
            let_pass(subscription, seconds=value)
        else:
            value %= len(sources)
            verb = {"revoke": services.revoke, "restore": services.restore}[action]
            getattr(queue, action)(value)
            verb(source=sources[value], actor="test", reason="test")

    def compare(self, queue, subscription, sources, tolerance):
        now = FROZEN if not tolerance else datetime.now(UTC)
        end = Subscription.objects.get(pk=subscription.pk).expires_at
        left = max((end - now) / timedelta(seconds=1), 0)
        assert abs(left - queue.seconds) <= tolerance
        taken = dict(subscription.grants.filter(state="revoked").values_list("source", "revoked_seconds"))
        expected = {sources[number]: seconds for number, seconds in queue.taken.items()}
        assert taken.keys() == expected.keys()
        assert all(abs(taken[source] - seconds) <= tolerance for source, seconds in expected.items())
