"""Payments on their way to the provider and back, and time that passes for them."""

import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta

import requests
from django.db import connections
from django.utils import timezone

from billing.models import JournalEntry, Notice, Order, Payment
from billing.services import send_payment
from tests.billing.notices import reread
from tests.factories import make_payment
from tests.world import PaymentWorld

CREATE = "POST /v3/payments"
READ = "GET /v3/payments/*"
LIST = "GET /v3/payments"


def sent_payment() -> Payment:
    """A payment the provider has made, with its link."""
    payment = make_payment()
    send_payment(payment.pk)
    payment = reread(payment)
    assert payment.state == Payment.State.PENDING, payment.error
    return payment


def come_due(*, ago: timedelta = timedelta(0)) -> None:
    """Let every waiting time of payments and notices be over; `ago`: and let so much time have passed."""
    now = timezone.now()
    Payment.objects.filter(state__in=Payment.OPEN).update(next_try_at=now, claimed_until=None)
    Notice.objects.filter(state=Notice.State.RECEIVED).update(next_try_at=now)
    if ago:
        Payment.objects.exclude(first_sent_at=None).update(first_sent_at=now - ago)
        Notice.objects.update(received_at=now - ago)


def seconds_until(moment: object) -> float:
    return (moment - timezone.now()).total_seconds()


def made_at_provider(yookassa: PaymentWorld, payment: Payment) -> list[str]:
    """Return the ids of whatever the provider made under this payment's key."""
    booked = yookassa.books()["payments"]
    return [row["id"] for row in booked if row["metadata"].get("payment_key") == str(payment.key)]


def fail(yookassa: PaymentWorld, call: str, *, times: int | None = 1, **rule: object) -> None:
    yookassa.fail(call, str(rule.pop("kind")), times=times, **rule)


def die_while_sending(payment: Payment, yookassa: PaymentWorld, *, was_made: bool) -> None:
    """Leave everything as a process does that is killed between its call and its commit."""
    Payment.objects.filter(pk=payment.pk).update(
        state=Payment.State.SENDING,
        first_sent_at=timezone.now(),
        claim_token=uuid.uuid4(),
        claimed_until=timezone.now() + timedelta(seconds=40),
        next_try_at=timezone.now(),
    )
    if was_made:
        create_by_hand(yookassa, str(payment.key), payment.request)


def create_by_hand(yookassa: PaymentWorld, key: str, body: str) -> None:
    headers = {"Idempotence-Key": key, "Content-Type": "application/json"}
    auth = (yookassa.shop_id, yookassa.secret_key)
    url = f"{yookassa.api_url}/payments"
    requests.post(url, data=body.encode(), headers=headers, auth=auth, timeout=10).raise_for_status()


def charges() -> list[str]:
    entries = JournalEntry.objects.filter(fact__startswith="charge:").order_by("pk")
    return [f"{entry.amount:.2f}" for entry in entries]


def is_given_once(payment: Payment) -> bool:
    order = Order.objects.get(pk=payment.order_id)
    sales = JournalEntry.objects.filter(fact__startswith=f"sale:{order.subject}").count()
    return order.state == Order.State.FULFILLED and sales == 1 and len(charges()) == 1


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Begin the call in a thread, which gives its database connection back."""

    def run() -> None:
        try:
            call()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def at_once(calls: Iterable[Callable[[], object]]) -> list[object]:
    """Make all calls at the same time, each in a thread of its own, and return what came of them."""
    calls = list(calls)
    start, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        try:
            start.wait(10)
            found[number] = call()
        except BaseException as failed:
            found[number] = failed
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [each for each in found if isinstance(each, BaseException)], found
    return found
