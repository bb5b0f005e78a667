"""Whatever is bought, used, taken back in parts and given back in whatever order, no second is invented."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import time_machine
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from subscriptions import services
from subscriptions.models import Plan, Subscription, TakeBack
from tests.factories import let_pass, make_subscription

DAY = 86_400
FROZEN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

spans = st.integers(min_value=1, max_value=40 * DAY)
numbers = st.integers(0, 9)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("give"), spans),
        st.tuples(st.just("renew"), st.integers(min_value=1, max_value=40)),
        st.tuples(st.just("wait"), st.integers(min_value=1, max_value=12 * DAY)),
        st.tuples(st.just("take_back"), st.tuples(numbers, st.none() | spans)),
        st.tuples(st.just("give_back"), numbers),
    ),
    max_size=14,
)


NEWER_TAKEN_FIRST = [
    ("give", 30 * DAY),
    ("renew", 20),
    ("take_back", (2, None)),
    ("take_back", (1, None)),
]
# Used in part, taken back, given back behind a newer one, and taken back again: only the rest may go.
TAKEN_TWICE = [
    ("renew", 10),
    ("wait", 8 * DAY),
    ("take_back", (1, None)),
    ("give", 20 * DAY),
    ("give_back", 0),
    ("take_back", (1, None)),
]
# In parts, the last of which asks for more than is left.
TAKEN_IN_PARTS = [
    ("renew", 30),
    ("wait", 12 * DAY),
    ("take_back", (1, 10 * DAY)),
    ("renew", 30),
    ("take_back", (1, 40 * DAY)),
    ("give_back", 0),
    ("take_back", (1, 11 * DAY)),
]


class Queue:
    """What ought to be: spans of time in a row, used up from the front."""

    def __init__(self) -> None:
        self.left: list[list[int]] = []  # [number of the grant, seconds still to come]
        self.taken: list[tuple[int, int] | None] = []  # (number of the grant, seconds), None: given back

    def give(self, number: int, seconds: int) -> None:
        self.left.append([number, seconds])

    def let_pass(self, seconds: int) -> None:
        for span in self.left:
            used = min(span[1], seconds)
            span[1] -= used
            seconds -= used

    def take_back(self, number: int, seconds: int | None) -> None:
        unused = self.unused(number)
        taken = unused if seconds is None else min(seconds, unused)
        for span in self.left:
            span[1] -= taken if span[0] == number else 0
        self.taken.append((number, taken))

    def give_back(self, taking: int) -> None:
        """What is given back joins the rest of its grant, at the end."""
        if taking < len(self.taken) and (taken := self.taken[taking]):
            number, seconds = taken
            seconds += self.unused(number)
            self.left = [span for span in self.left if span[0] != number] + [[number, seconds]]
            self.taken[taking] = None

    def unused(self, number: int) -> int:
        return sum(span[1] for span in self.left if span[0] == number)

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
    @example(steps=TAKEN_IN_PARTS)
    def test_end_follows_a_simple_queue(self, steps):
        with still_clock() as tolerance:
            queue, subscription = Queue(), make_subscription()
            sources = [subscription.grants.get().source]
            queue.give(0, 7 * DAY)
            for action, value in steps:
                getattr(self, action)(queue, subscription, sources, value)
                self.compare(queue, subscription, sources, tolerance * (len(steps) + 1))

    def give(self, queue, subscription, sources, seconds):
        sources.append(f"order:{len(sources)}")
        queue.give(len(sources) - 1, seconds)
        services.give(subscription.pk, source=sources[-1], seconds=seconds, actor="test")

    def renew(self, queue, subscription, sources, days):
        sources.append(f"order:{len(sources)}")
        queue.give(len(sources) - 1, days * DAY)
        terms = replace(services.terms_of(Plan.objects.get(code="month")), days=days)
        services.renew(subscription.pk, terms=terms, source=sources[-1], actor="test")

    def wait(self, queue, subscription, sources, seconds):
        queue.let_pass(seconds)
        let_pass(subscription, seconds=seconds)

    def take_back(self, queue, subscription, sources, value):
        number, seconds = value[0] % len(sources), value[1]
        by = f"refund:{len(queue.taken)}"
        queue.take_back(number, seconds)
        services.take_back(source=sources[number], by=by, seconds=seconds, actor="test", reason="test")

    def give_back(self, queue, subscription, sources, taking):
        queue.give_back(taking)
        if taking < len(queue.taken):
            services.give_back(by=f"refund:{taking}", actor="test", reason="test")

    def compare(self, queue, subscription, sources, tolerance):
        now = FROZEN if not tolerance else datetime.now(UTC)
        end = Subscription.objects.get(pk=subscription.pk).expires_at
        left = max((end - now) / timedelta(seconds=1), 0)
        assert abs(left - queue.seconds) <= tolerance
        taken = dict(TakeBack.objects.filter(state="taken").values_list("by", "seconds"))
        expected = {f"refund:{number}": row[1] for number, row in enumerate(queue.taken) if row}
        assert taken.keys() == expected.keys()
        assert all(abs(taken[by] - seconds) <= tolerance for by, seconds in expected.items())
