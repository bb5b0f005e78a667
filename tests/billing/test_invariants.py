"""Whatever happens in whatever order, the seven invariants of money hold and the books agree at the end.

The steps are drawn by hypothesis; the provider is the stand-in over HTTP. A crash is what is left of one:
a call that was made and never recorded, and leases nobody gives back.
"""

import json
import uuid
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import User
from billing.models import JournalEntry, Notice, Order, Payment, Refund
from billing.services import orders
from billing.services.calls import check_due, check_payment, send_due, send_payment
from billing.services.fulfilling import retry_due
from billing.services.journal import balances
from billing.services.notices import store_notice, work_notices
from billing.services.refunds import find_refunds, request_refund, work_due
from core import clock
from core.errors import ShopError
from core.services import claim_installation
from subscriptions.models import Grant, TakeBack
from tests.factories import agree_to_all, make_customer, make_payment

NAMES = [
    *("create", "create_and_crash", "send", "notice", "duplicate", "poll", "look", "retry", "crash"),
    *("pay", "decline", "expire", "hold", "close", "an_hour"),
    *("refund", "refund_in_cabinet", "settle_refund", "work_refunds"),
    *("lose_answer", "drop_calls", "heal", "break_giving", "mend_giving"),
]
steps = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 5)), max_size=24)

# The paths most worth walking, whatever is drawn.
PAID_TWICE_TOLD = [("create", 0), ("send", 0), ("pay", 0), ("poll", 0), ("notice", 0), ("duplicate", 0)]
LOST_ANSWER = [("create", 0), ("lose_answer", 0), ("send", 0), ("pay", 0), ("crash", 0), ("an_hour", 0)]
LATE_MONEY = [("create", 0), ("send", 0), ("close", 0), ("pay", 0), ("notice", 0), ("refund", 3)]
REFUNDED_BOTH_WAYS = [
    *[("create", 0), ("send", 0), ("pay", 0), ("notice", 0), ("refund", 1), ("refund_in_cabinet", 1)],
    *[("work_refunds", 0), ("refund", 5), ("work_refunds", 0)],
]
GIVING_FAILS = [
    *[("create", 0), ("break_giving", 0), ("send", 0), ("pay", 0), ("notice", 0), ("refund", 5)],
    *[("mend_giving", 0), ("crash", 0), ("retry", 0), ("work_refunds", 0)],
]


class MoneyInvariants(TestCase):
    @pytest.fixture(autouse=True)
    def _world(self, yookassa, settings):
        self.provider = yookassa
        settings.YOOKASSA_API_URL = yookassa.api_url

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=steps)
    @example(steps=PAID_TWICE_TOLD)
    @example(steps=LOST_ANSWER)
    @example(steps=LATE_MONEY)
    @example(steps=REFUNDED_BOTH_WAYS)
    @example(steps=GIVING_FAILS)
    def test_the_books_balance_whatever_happens(self, steps):
        self.begin()
        for name, number in steps:
            with suppress(ShopError):  # a refusal is an answer; what it leaves behind is what counts
                getattr(self, name)(number)
            self.check()
        self.settle()
        self.check()
        self.compare_books()

    def begin(self) -> None:
        self.provider.reset()
        claim_installation()
        self.people: list[User] = [agree_to_all(make_customer()) for _ in range(2)]
        self.states: dict[int, str] = {}

    def payment(self, number: int) -> Payment:
        rows = list(Payment.objects.order_by("-pk"))
        if not rows:
            raise ShopError("nothing to act on yet")
        return rows[number % len(rows)]

    def remote(self, number: int) -> dict[str, object]:
        rows = self.provider.books()["payments"]
        if not rows:
            raise ShopError("the provider knows of nothing yet")
        return rows[-1 - number % len(rows)]

    def act(self, call: str, number: int, **more: object) -> None:
        """Do what a payer or the cabinet may do; the stand-in refuses what cannot be."""
        answer = self.provider.http.post(
            f"{self.provider.address}/_emu/{call}", json={"payment_id": self.remote(number)["id"], **more}
        )
        assert answer.status_code in (200, 400, 409), answer.text

    def create(self, number: int) -> None:
        make_payment(self.people[number % 2], plan=("month", "year")[number // 3])

    def create_and_crash(self, number: int) -> None:
        """The provider made it, and we died before we wrote down its answer."""
        make_payment(self.people[number % 2])
        self.lose_answer(number)
        self.send(0)

    def send(self, number: int) -> None:
        send_payment(self.payment(number).pk)

    def notice(self, number: int) -> None:
        told = self.provider.payments()
        if not told:
            return
        thing = told[-1 - number % len(told)]
        body = {"type": "notification", "event": f"payment.{thing['status']}", "object": thing}
        store_notice("yookassa", json.dumps(body).encode(), source_address="127.0.0.1")
        work_notices()

    def duplicate(self, number: int) -> None:
        for _ in range(2):
            self.notice(number)
        Notice.objects.update(state=Notice.State.RECEIVED, next_try_at=None)
        work_notices()

    def poll(self, number: int) -> None:
        self._make_due()
        check_due()

    def look(self, number: int) -> None:
        check_payment(self.payment(number).pk, asked_by="customer")

    def pay(self, number: int) -> None:
        self.act("pay", number)

    def decline(self, number: int) -> None:
        self.act("decline", number, reason="insufficient_funds")

    def expire(self, number: int) -> None:
        self.act("expire", number)

    def hold(self, number: int) -> None:
        self.act("hold", number)

    def close(self, number: int) -> None:
        order = self.payment(number).order
        assert order is not None
        orders.close_order(order.pk, customer_id=order.payer_id, actor="customer")

    def refund(self, number: int) -> None:
        """A part or all of what came in."""
        payment = self.payment(0)
        part = (payment.received_amount or Decimal(0)) * (number + 1) / 6
        request_refund(
            payment.pk,
            amount=part.quantize(Decimal("0.01")),
            reason="asked for",
            form_uuid=uuid.uuid4(),
            takes_access=number % 2 == 1,
            actor="olga",
        )

    def refund_in_cabinet(self, number: int) -> None:
        self.act("refund", 0, **({"amount": "50.00"} if number % 2 else {}))
        self.notice(0)

    def settle_refund(self, number: int) -> None:
        waiting = [row for row in self.provider.books()["refunds"] if row["status"] == "pending"]
        for row in waiting[:1]:
            if number % 2:
                self.provider.settle_refund(row["id"], "succeeded")
            else:
                self.provider.settle_refund(row["id"], "canceled", reason="rejected_by_payee")

    def work_refunds(self, number: int) -> None:
        self._make_due()
        work_due()

    def lose_answer(self, number: int) -> None:
        self.provider.fail("POST *", "lost", times=1)

    def drop_calls(self, number: int) -> None:
        self.provider.fail("*", "refuse", times=number)

    def heal(self, number: int) -> None:
        self.provider.heal()

    def break_giving(self, number: int) -> None:
        Order.objects.filter(state=Order.State.OPEN).update(group_ids=["gone"])

    def mend_giving(self, number: int) -> None:
        for order in Order.objects.all():
            Order.objects.filter(pk=order.pk).update(
                group_ids=list(order.plan.groups.values_list("pk", flat=True))
            )

    def an_hour(self, number: int) -> None:
        """An hour for everybody: links run out, keys grow old."""
        self.provider.advance(3660)
        hour = timedelta(seconds=3660)
        Payment.objects.update(
            first_sent_at=F("first_sent_at") - hour, expires_at=F("expires_at") - hour, checked_at=None
        )
        self._make_due()

    def crash(self, number: int) -> None:
        """Leases of a process that died run out."""
        past = clock.now() - timedelta(minutes=1)
        for model in (Payment, Refund, Notice, Order):
            model.objects.filter(claim_token__isnull=False).update(claimed_until=past)

    def retry(self, number: int) -> None:
        self._make_due()
        send_due()
        retry_due()

    def _make_due(self) -> None:
        past = clock.now() - timedelta(seconds=1)
        for model in (Payment, Refund, Order, Notice):
            model.objects.filter(next_try_at__isnull=False).update(next_try_at=past)
        Payment.objects.update(checked_at=None)

    def settle(self) -> None:
        """Let the outage end and the sweeps do what they are there for."""
        self.provider.heal()
        self.mend_giving(0)
        for _ in range(4):
            self.crash(0)
            self.retry(0)
            check_due()
            work_notices()
            for payment in Payment.objects.exclude(remote_id=""):
                find_refunds(payment.pk)
            self._make_due()
            work_due()

    def check(self) -> None:
        self.check_once_and_no_more()
        self.check_forward_only()
        self.check_only_verified_money()

    def check_once_and_no_more(self) -> None:
        """I-1, I-5: one charge per payment, one fulfilment per order, never more back than came in."""
        charges = JournalEntry.objects.filter(fact__startswith="charge:").values_list("payment_id", flat=True)
        assert len(charges) == len(set(charges))
        given = set(Grant.objects.values_list("source", flat=True))
        fulfilled = {order.source for order in Order.objects.filter(fulfilled_at__isnull=False)}
        assert given == fulfilled
        for payment in Payment.objects.filter(received_amount__isnull=False):
            back = sum(row.amount for row in payment.refunds.filter(state=Refund.State.SUCCEEDED))
            assert back == payment.refunded_amount <= payment.received_amount

    def check_forward_only(self) -> None:
        """I-2: a payment that succeeded stays so."""
        for payment in Payment.objects.all():
            if self.states.get(payment.pk) == Payment.State.SUCCEEDED:
                assert payment.state == Payment.State.SUCCEEDED
            self.states[payment.pk] = payment.state

    def check_only_verified_money(self) -> None:
        """I-3, I-6, I-7: each charge is the provider's, and it knows of nothing we did not store."""
        books = {row["id"]: row for row in self.provider.books()["payments"]}
        for entry in JournalEntry.objects.filter(fact__startswith="charge:").select_related("payment"):
            theirs = books[entry.payment.remote_id]
            assert theirs["status"] == "succeeded"
            assert (entry.amount, entry.currency) == (Decimal(theirs["value"]), theirs["currency"])
        ours = {str(key) for key in Payment.objects.values_list("key", flat=True)}
        assert {row["idempotence_key"] for row in books.values()} <= ours
        assert sum(balances().values()) == 0

    def compare_books(self) -> None:
        """At the end our journal says of the provider's money what its own books say."""
        found, books = balances(), self.provider.books()
        ours = found.get(("provider", "RUB"), 0) + found.get(("fees", "RUB"), 0)
        assert ours == Decimal(books["totals"]["left"]["value"])
        paid = {row["id"] for row in books["payments"] if row["status"] == "succeeded"}
        assert paid == set(Payment.objects.filter(state="succeeded").values_list("remote_id", flat=True))
        for order in Order.objects.filter(state=Order.State.PAID):
            assert order.fulfilment_error == "", order.fulfilment_error
        taken = TakeBack.objects.filter(state="taken").values_list("grant__source", flat=True)
        assert set(taken) <= set(Grant.objects.values_list("source", flat=True))
