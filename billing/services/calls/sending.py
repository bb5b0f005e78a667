"""Creating payments at the provider: a frozen request under our key, until it is certain what came of it."""

import time
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from billing.errors import AnswerOdd, ProviderBusy, ProviderRefused
from billing.models import Payment, ProviderAccount
from billing.providers.base import KEY_HOURS, READ_SECONDS, Page, PaymentReport
from billing.services.calls.checking import next_check_at, note_defect
from billing.services.calls.outside import LEASE_SECONDS, Tired, ask_provider, read_remote
from billing.services.events import Kind, note_event
from billing.services.payments import apply_provider_state, lock_payment, tell_failed
from core import clock
from core.claims import claim, prolong, record
from core.errors import OutsideError, ServiceUnreachable
from core.services import require_installation
from notifications.services import tell

State = Payment.State

UNSENT = (State.CREATED, State.SENDING)
KEY_LIFE = timedelta(hours=KEY_HOURS)
# YooKassa: repeat an unknown outcome about once a minute (its SDK's notes on HTTP 500).
REPEAT_SECONDS = 60.0
SOONEST_SECONDS = 10.0
# Our clock may be off; the provider's books are searched from so long before we first asked.
CLOCK_SLACK = timedelta(hours=1)
# After that the bot shows the payment without its link, so the link is told in a message.
SHOWN_WITHIN_SECONDS = 8.0
BUDGET_SECONDS = 20.0
SOURCE = "send"


def send_payment(payment_id: int, *, read_seconds: float = READ_SECONDS) -> None:
    """Have the provider create the payment, and keep the link to pay by.

    Safe to repeat and to run at once from several places: a payment that is being sent, or was less than a
    minute ago, is left alone. Whatever goes wrong is noted in the payment, and `send_due` comes back to it.
    """
    require_installation()
    is_time = Q(first_sent_at__isnull=True) | Q(next_try_at__lte=clock.now())
    unsent = Payment.objects.filter(is_time, pk=payment_id, state__in=UNSENT, account__isnull=False)
    for payment in claim(unsent, limit=1, lease_seconds=LEASE_SECONDS):
        with suppress(OutsideError):
            _send(payment, read_seconds=read_seconds, is_waited_for=True)


def send_due() -> int:
    """Send what was cut off or whose outcome is unknown; returns how many were tried."""
    require_installation()
    tired, tried, give_up_at = Tired(), 0, time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < give_up_at:
        due = Payment.objects.filter(
            state__in=UNSENT, account__isnull=False, next_try_at__lte=clock.now()
        ).exclude(account__in=tired.accounts)
        claimed = claim(due.order_by("next_try_at"), limit=1, lease_seconds=LEASE_SECONDS)
        if not claimed:
            break
        tried += 1
        try:
            _send(claimed[0], read_seconds=READ_SECONDS, is_waited_for=False)
        except OutsideError as failed:
            tired.note(claimed[0].account_id, failed)
        except Exception as failed:  # one payment's defect must not stand in the way of the others
            note_defect(claimed[0], failed)
    return tried


def _send(payment: Payment, *, read_seconds: float, is_waited_for: bool) -> None:
    """Send one payment that is leased. Raises the OutsideError it has noted down."""
    began = time.monotonic()
    is_repeat = payment.first_sent_at is not None
    if payment.first_sent_at is not None and clock.now() - payment.first_sent_at > KEY_LIFE:
        _settle_by_search(payment, otherwise=State.CANCELED)
        return
    if not _mark_sending(payment):
        record(payment)
        return
    try:
        report = _create(payment, is_repeat=is_repeat, read_seconds=read_seconds)
    except ProviderRefused as refused:
        if is_repeat:  # an earlier try may have made it all the same
            _settle_by_search(payment, otherwise=State.REJECTED, error=str(refused))
        else:
            _end(payment.pk, State.REJECTED, reason="", error=str(refused))
            record(payment)
        return
    except OutsideError as failed:
        _note_failure(payment, failed)
        raise
    is_late = not is_waited_for or time.monotonic() - began > SHOWN_WITHIN_SECONDS
    _keep(payment, report, tells=is_late)


def _create(payment: Payment, *, is_repeat: bool, read_seconds: float) -> PaymentReport:
    assert payment.account is not None
    account, key, request = payment.account, str(payment.key), payment.request
    report: PaymentReport = ask_provider(
        account, lambda provider: provider.create(key, request), read_seconds=read_seconds
    )
    if is_repeat:  # a repeat is answered as the first time, however the payment stands by now
        with suppress(OutsideError):
            return read_remote(account, report.remote_id, read_seconds=read_seconds)
    return report


def _mark_sending(payment: Payment) -> bool:
    """Write down that the provider may know of the payment from now on; tell whether it is ours to send."""
    now = clock.now()
    with transaction.atomic():
        hit = Payment.objects.filter(pk=payment.pk, claim_token=payment.claim_token, state__in=UNSENT).update(
            state=State.SENDING,
            first_sent_at=payment.first_sent_at or now,
            next_try_at=now + timedelta(seconds=REPEAT_SECONDS),
        )
        if hit and payment.first_sent_at is None:
            note_event(payment, Kind.SENT, actor=SOURCE)
    payment.first_sent_at = payment.first_sent_at or now
    return bool(hit)


def _keep(payment: Payment, report: PaymentReport, *, tells: bool) -> None:
    with transaction.atomic():
        kept = apply_provider_state(payment.pk, report, source=SOURCE)
        if tells and kept.state == State.PENDING and kept.confirmation_url and kept.order:
            tell(
                kept.order.payer,
                "payment_link",
                dedupe_key=f"payment_link:{kept.pk}",
                context={"payment_id": kept.pk},
            )
    record(payment, error="", next_try_at=next_check_at(kept))


def _note_failure(payment: Payment, failed: OutsideError) -> None:
    """Nobody knows what came of it, or nothing did: the same again, later."""
    match failed:
        case ProviderBusy():
            wait = failed.seconds
        case ServiceUnreachable():
            assert payment.first_sent_at is not None
            age = (clock.now() - payment.first_sent_at).total_seconds()
            wait = min(max(age, SOONEST_SECONDS), REPEAT_SECONDS)
        case _:
            wait = REPEAT_SECONDS
    if str(failed) != payment.error:
        note_event(payment, Kind.FAILED, text=str(failed), actor=SOURCE)
    record(payment, error=str(failed), next_try_at=clock.now() + timedelta(seconds=wait))


def _settle_by_search(payment: Payment, *, otherwise: Payment.State, error: str = "") -> None:
    """Find out from the provider's books whether the payment was made; if not, it ends here.

    With this key it is never asked for again: after a day the provider has forgotten it, and would make a
    second payment.
    """
    assert payment.account is not None
    try:
        found = _search(payment)
    except OutsideError as failed:
        _note_failure(payment, failed)
        raise
    if found is not None:
        _keep(payment, found, tells=True)
        return
    reason = "never_created" if otherwise == State.CANCELED else ""
    _end(payment.pk, otherwise, reason=reason, error=error)
    record(payment)


def _search(payment: Payment) -> PaymentReport | None:
    assert payment.account is not None and payment.first_sent_at is not None
    since, cursor = payment.first_sent_at - CLOCK_SLACK, ""
    while True:
        page = _page(payment.account, since, cursor)
        for report in page.payments:
            if report.key == str(payment.key):
                return report
        if not page.cursor:
            return None
        if page.cursor == cursor:
            raise AnswerOdd("the provider's books go round in circles")
        cursor = page.cursor
        prolong(payment, lease_seconds=LEASE_SECONDS)


def _page(account: ProviderAccount, since: datetime, cursor: str) -> Page:
    page: Page = ask_provider(account, lambda provider: provider.list_payments(since=since, cursor=cursor))
    return page


@transaction.atomic
def _end(payment_id: int, state: Payment.State, *, reason: str, error: str) -> None:
    """Close a payment that the provider certainly does not have, and tell its payer."""
    payment, payer = lock_payment(payment_id)
    if payment.state not in UNSENT:
        return
    payment.state, payment.reason, payment.next_try_at = state, reason, None
    payment.error = error
    payment.save(update_fields=["state", "reason", "error", "next_try_at"])
    note_event(payment, Kind.FAILED, text=error or reason, actor=SOURCE)
    tell_failed(payment, payer)
