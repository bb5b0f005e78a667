"""One payment, refunded by everybody at once in whatever order: nobody gets money twice, or money and access.

The steps are drawn by hypothesis; the provider is the stand-in over HTTP.
"""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F, Sum
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing.models import Decision, JournalEntry, Order, Payment, Refund
from billing.services.journal import balances
from billing.services.refunds import find_refunds, give_up, pay_out_by_hand, try_again, work_due
from core import clock
from core.errors import ShopError
from core.services import claim_installation
from subscriptions.models import TakeBack
from tests.refunding import ask_back, paid, read_back

Account = JournalEntry.Account
State = Refund.State
PRICE, MONTH = Decimal(299), 30 * 86_400

SUMS = ("299", "199.33", "99.67", "50", "0.01")
ENDS = ("succeeded", "pending", "insufficient_funds", "rejected_by_payee")
NAMES = [
    *("ask", "ask", "work", "work", "cabinet", "find", "settle", "an_hour", "a_day", "crash"),
    *("turn", "lose", "break_down", "refuse", "heal", "pay_out", "give_up", "try_again"),
]
steps = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 4)), max_size=22)

# The paths most worth walking, whatever is drawn.
CABINET_WHILE_UNDER_WAY = [
    ("ask", 0),
    ("break_down", 1),
    ("work", 0),
    ("cabinet", 1),
    ("find", 0),
    ("work", 0),
]
LOST_FOR_A_DAY = [("ask", 1), ("lose", 1), ("work", 0), ("a_day", 0), ("work", 0), ("ask", 2), ("work", 0)]
BY_HAND_AND_BY_CABINET = [("turn", 3), ("ask", 1), ("work", 0), ("cabinet", 1), ("pay_out", 0), ("find", 0)]
# Staff gave up a refund whose access another one, of the cabinet, had counted as its own.
CABINET_OVER_MANY = [
    ("turn", 3),
    ("ask", 3),
    ("work", 0),
    ("ask", 2),
    ("ask", 2),
    ("a_day", 2),
    ("cabinet", 1),
]
GIVEN_UP = [("turn", 3), ("ask", 2), ("work", 0), ("give_up", 0), ("turn", 0), ("ask", 1), ("work", 0)]


class RefundInvariants(TestCase):
    @pytest.fixture(autouse=True)
    def _world(self, yookassa, settings):
        self.provider = yookassa
        settings.YOOKASSA_API_URL = yookassa.api_url

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=steps)
    @example(steps=CABINET_WHILE_UNDER_WAY)
    @example(steps=LOST_FOR_A_DAY)
    @example(steps=BY_HAND_AND_BY_CABINET)
    @example(steps=GIVEN_UP)
    @example(steps=CABINET_OVER_MANY)
    def test_nobody_gets_money_twice_or_money_and_access(self, steps):
        self.provider.reset()
        claim_installation()
        self.payment = paid(self.provider)
        for name, number in steps:
            with suppress(ShopError):  # a refusal is an answer; what it leaves behind is what counts
                getattr(self, name)(number)
            self.check()
        self.come_to_rest()
        self.check()
        self.compare()

    def ask(self, number: int) -> None:
        ask_back(self.payment, SUMS[number])

    def work(self, number: int) -> None:
        Refund.objects.filter(next_try_at__isnull=False).update(
            next_try_at=clock.now() - timedelta(seconds=1)
        )
        work_due()

    def cabinet(self, number: int) -> None:
        json = {"payment_id": self.payment.remote_id, "amount": SUMS[number]}
        answer = self.provider.http.post(f"{self.provider.address}/_emu/refund", json=json)
        assert answer.status_code in (200, 400), answer.text

    def find(self, number: int) -> None:
        find_refunds(self.payment.pk)
        read_back(self.payment)

    def settle(self, number: int) -> None:
        for row in self.provider.books()["refunds"]:
            if row["status"] == "pending":
                end = ENDS[number % 4]
                status = "succeeded" if end in ("succeeded", "pending") else "canceled"
                self.provider.settle_refund(row["id"], status, reason=end)
                return

    def turn(self, number: int) -> None:
        end = ENDS[number % 4]
        knob = end if end in ("succeeded", "pending") else "canceled"
        self.provider.set(refund=knob, refund_reason=end)

    def lose(self, number: int) -> None:
        self.provider.fail("POST *", "lost", times=max(number, 1))

    def break_down(self, number: int) -> None:
        self.provider.fail("*", "html", times=max(number, 1))

    def refuse(self, number: int) -> None:
        body = {"type": "error", "code": "invalid_request", "description": "no"}
        self.provider.fail("POST *", "error", status=400, body=body, times=1)

    def heal(self, number: int) -> None:
        self.provider.heal()

    def an_hour(self, number: int) -> None:
        self._pass(3600)

    def a_day(self, number: int) -> None:
        self._pass(86_401)

    def _pass(self, seconds: int) -> None:
        self.provider.advance(seconds)
        Refund.objects.update(first_sent_at=F("first_sent_at") - timedelta(seconds=seconds))

    def crash(self, number: int) -> None:
        Refund.objects.update(claim_token=uuid.uuid4(), claimed_until=clock.now() - timedelta(seconds=1))

    def by_hand(self) -> Iterator[int]:
        yield from Refund.objects.filter(state=State.MANUAL).values_list("pk", flat=True)

    def pay_out(self, number: int) -> None:
        for pk in self.by_hand():
            pay_out_by_hand(pk, reason="cash", actor="olga")

    def give_up(self, number: int) -> None:
        for pk in self.by_hand():
            give_up(pk, reason="no way", actor="olga")

    def try_again(self, number: int) -> None:
        for pk in self.by_hand():
            try_again(pk, reason="once more", actor="olga")

    def come_to_rest(self) -> None:
        """The outage ends, the provider pays whatever it is asked, and staff settle the rest."""
        self.heal(0)
        self.turn(0)
        for _ in range(4):
            for _row in self.provider.books()["refunds"]:
                self.settle(0)
            self.find(0)
            self.work(0)
        with suppress(ShopError):
            self.pay_out(0)
        self.give_up(0)

    def check(self) -> None:
        payment = Payment.objects.get(pk=self.payment.pk)
        sums = {
            row["state"]: row["total"] for row in self.rows().values("state").annotate(total=Sum("amount"))
        }
        gone = sums.get(State.SUCCEEDED, Decimal(0))
        assert payment.refunded_amount == min(gone, PRICE)
        # What staff paid out before they heard of the cabinet's refund cannot be undone, only be seen.
        assert (gone > PRICE) == Decision.objects.filter(fact__contains=":refunds:").exists()
        on_the_way = sum(sums.get(state, 0) for state in (*Refund.OPEN, State.MANUAL))
        found = balances()
        assert found.get(("refunds", "RUB"), 0) == -on_the_way
        assert sum(found.values()) == 0
        assert self.share_taken() >= self.part_of(payment.refunded_amount)

    def rows(self):
        return Refund.objects.filter(payment=self.payment)

    def share_taken(self) -> int:
        taken = TakeBack.objects.filter(state=TakeBack.State.TAKEN).aggregate(total=Sum("seconds"))
        return taken["total"] or 0

    def part_of(self, amount: Decimal) -> int:
        """The time that goes with a sum; a minute is let go for the time the test takes."""
        return int(MONTH * amount / PRICE) - 60

    def compare(self) -> None:
        """At the end: no refund is open, our books are theirs, and access is what was not refunded."""
        assert not self.rows().filter(state__in=(*Refund.OPEN, State.MANUAL)).exists()
        found, books = balances(), self.provider.books()
        theirs = found[("provider", "RUB")] + found.get(("fees", "RUB"), 0)
        assert theirs == Decimal(books["totals"]["left"]["value"])
        payment = Payment.objects.select_related("order").get(pk=self.payment.pk)
        by_hand = -found.get(("cash", "RUB"), Decimal(0))
        gone = Decimal(books["totals"]["refunded"]["value"]) + by_hand
        assert payment.refunded_amount == min(gone, PRICE)
        assert self.share_taken() <= self.part_of(payment.refunded_amount) + 120
        is_refunded = payment.order.state == Order.State.REFUNDED
        assert is_refunded == (payment.refunded_amount == PRICE)
