"""Reading payments back: by schedule, by button, and because a notice said so."""

import logging
import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from billing.errors import ProviderNotFound
from billing.models import Decision, Payment
from billing.providers.base import READ_SECONDS, PaymentReport
from billing.services.asking import ask
from billing.services.calls.outside import LEASE_SECONDS, Tired, ask_provider, read_remote
from billing.services.events import Kind, note_event
from billing.services.payments import apply_provider_state
from core import clock
from core.claims import claim, record
from core.errors import OutsideError
from core.services import require_installation
from core.texts import storable

log = logging.getLogger(__name__)

State = Payment.State

# Seconds after a payment was sent; a pay page is open for an hour. From then on hourly.
CHECKS = (30, 60, 120, 300, 600, 1200, 2400, 3900)
HOURLY = timedelta(hours=1)
LAST_CHECK = timedelta(hours=26)
AGAIN = timedelta(seconds=30)
RATE = timedelta(seconds=5)
PATIENCE_SECONDS = 8.0  # somebody waits for the answer, and holds a thread meanwhile
BROKEN = timedelta(minutes=10)
ERROR_LENGTH = 500
BUDGET_SECONDS = 20.0
UNTOLD = ("schedule", "customer")


def next_check_at(payment: Payment) -> datetime | None:
    """Return when an open payment is read back next; None: not any more, the nightly sweep sees it."""
    if payment.state not in Payment.OPEN:
        return None
    began, now = payment.first_sent_at or payment.created_at, clock.now()
    if payment.state == State.HELD:  # the money lies there for days, and is ours only once it is captured
        return now + HOURLY
    for seconds in CHECKS:
        if (at := began + timedelta(seconds=seconds)) > now:
            return at
    return now + HOURLY if now + HOURLY <= began + LAST_CHECK else None


def check_payment(payment_id: int, *, asked_by: str) -> bool:
    """Read a payment back now, unless that was done within the last 5 s; tell whether it was read.

    Safe to repeat and to run at once from several places. What goes wrong is noted in the payment.
    """
    require_installation()
    long_ago = Q(checked_at__isnull=True) | Q(checked_at__lte=clock.now() - RATE)
    known = Payment.objects.filter(long_ago, pk=payment_id, account__isnull=False).exclude(remote_id="")
    for payment in claim(known, limit=1, lease_seconds=LEASE_SECONDS):
        try:
            report = _check(payment, source=asked_by, read_seconds=PATIENCE_SECONDS)
        except OutsideError:
            return False
        if asked_by not in UNTOLD:
            note_event(payment, Kind.READ, text=str(report.said), data=report.raw, actor=asked_by)
        return True
    return False


def check_due() -> int:
    """Read back the open payments whose time has come; returns how many were tried."""
    require_installation()
    tired, tried, give_up_at = Tired(), 0, time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < give_up_at:
        due = Payment.objects.filter(
            state__in=(State.PENDING, State.HELD), account__isnull=False, next_try_at__lte=clock.now()
        ).exclude(account__in=tired.accounts)
        claimed = claim(due.order_by("next_try_at"), limit=1, lease_seconds=LEASE_SECONDS)
        if not claimed:
            break
        tried += 1
        try:
            _check(claimed[0], source="schedule")
        except OutsideError as failed:
            tired.note(claimed[0].account_id, failed)
        except Exception as failed:  # one payment's defect must not stand in the way of the others
            note_defect(claimed[0], failed)
    return tried


def read_back(payment: Payment, *, source: str, read_seconds: float = READ_SECONDS) -> PaymentReport:
    """Ask the provider for a payment it knows, book what it says, and take money that is only held.

    Not inside a transaction. Raises OutsideError; what was learnt before it is booked.
    """
    assert payment.account is not None
    account, remote_id = payment.account, payment.remote_id
    report = read_remote(account, remote_id, read_seconds=read_seconds)
    if apply_provider_state(payment.pk, report, source=source).state != State.HELD:
        return report
    # We always ask for one stage, so the money is held by mistake; it would go back by itself in days.
    key = f"{payment.key}:capture"
    captured: PaymentReport = ask_provider(account, lambda provider: provider.capture(remote_id, key))
    apply_provider_state(payment.pk, captured, source=source)
    return captured


def _check(payment: Payment, *, source: str, read_seconds: float = READ_SECONDS) -> PaymentReport:
    """Read back one payment that is leased. Raises the OutsideError it has noted down."""
    seen = {"checks": F("checks") + 1, "checked_at": clock.now()}
    try:
        report = read_back(payment, source=source, read_seconds=read_seconds)
    except OutsideError as failed:
        if isinstance(failed, ProviderNotFound):
            alert_missing(payment)
        if str(failed) != payment.error:
            note_event(payment, Kind.FAILED, text=str(failed), actor=source)
        payment.refresh_from_db(fields=["state"])
        at = next_check_at(payment)
        record(payment, error=str(failed), next_try_at=max(at, clock.now() + AGAIN) if at else None, **seen)
        raise
    payment.refresh_from_db(fields=["state"])
    record(payment, error="", next_try_at=next_check_at(payment), **seen)
    return report


def note_defect(payment: Payment, failed: Exception) -> None:
    """Put a payment that breaks us aside for a while, with the reason for staff."""
    log.exception("payment %s could not be worked on", payment.pk)
    error = storable(f"{type(failed).__name__}: {failed}")[:ERROR_LENGTH]
    record(payment, error=error, next_try_at=clock.now() + BROKEN)


@transaction.atomic
def alert_missing(payment: Payment) -> None:
    """Put to staff that the provider told us an id and knows it no more. Safe to repeat."""
    log.error("payment %s is unknown to its provider", payment.pk)
    if payment.booked_as:
        ask(Decision.Kind.MISSING_THERE, f"payment:{payment.pk}", order=payment.order, payment=payment)
