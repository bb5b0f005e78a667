"""Verbs of the outbox: tell a customer something once; take, settle and retry rows."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import translation

from accounts import services as accounts
from accounts.models import User
from core import clock
from core.claims import claim, record
from core.retention import empty_in_batches
from notifications import kinds
from notifications.kinds import Rendered
from notifications.models import OutboxMessage

State = OutboxMessage.State

LEASE_SECONDS = 60
MAX_ATTEMPTS = 10
# One a minute: the channel may be out of reach for a day, and nobody was told anything meanwhile.
OUTAGE_ATTEMPTS = 1440


def tell(
    customer: User,
    kind: str,
    *,
    dedupe_key: str,
    context: dict[str, Any] | None = None,
    lane: OutboxMessage.Lane = OutboxMessage.Lane.TRANSACTIONAL,
) -> None:
    """Put a message to the customer into the outbox, in the caller's transaction.

    Safe to repeat: the same `dedupe_key` is told once, whoever asks. Renders nothing, so that a broken
    text cannot undo the caller's work. Customers without Telegram are not told.
    """
    if kind not in kinds.KINDS:
        raise KeyError(f"no kind of message {kind!r}; known: {', '.join(sorted(kinds.KINDS))}")
    if customer.telegram_id is None:
        return
    message = OutboxMessage(
        address=str(customer.telegram_id),
        user=customer,
        kind=kind,
        dedupe_key=dedupe_key,
        context=context or {},
        lane=lane,
    )
    OutboxMessage.objects.bulk_create([message], ignore_conflicts=True)


def claim_due(limit: int) -> list[OutboxMessage]:
    """Lease the next messages to send, most urgent lane first."""
    due = OutboxMessage.objects.filter(state=State.PENDING).filter(
        Q(next_try_at__isnull=True) | Q(next_try_at__lte=clock.now())
    )
    return claim(due.order_by("lane", "id"), limit=limit, lease_seconds=LEASE_SECONDS)


def render(message: OutboxMessage) -> Rendered | None:
    """Return the message in the customer's language, or None if it is no longer true."""
    kind = kinds.KINDS[message.kind]
    customer = message.user
    if customer is None or not kind.still_true(customer, message.context):
        return None
    with translation.override(customer.language):
        return kind.render(customer, message.context)


def note_sent(message: OutboxMessage, remote_id: str) -> None:
    record(message, state=State.SENT, sent_at=clock.now(), remote_id=remote_id, error="")


def note_dropped(message: OutboxMessage) -> None:
    record(message, state=State.DROPPED)


def note_unreachable(message: OutboxMessage, error: str) -> None:
    record(message, state=State.UNREACHABLE, error=error)


def note_failed(message: OutboxMessage, error: str, *, permanent: bool, is_outage: bool = False) -> None:
    """Try again later with back-off; give up when repeating cannot help or was tried often enough.

    In an outage nothing was sent for certain: then tries go on for a day, each minute.
    """
    attempts = message.attempts + 1
    if permanent or attempts >= (OUTAGE_ATTEMPTS if is_outage else MAX_ATTEMPTS):
        record(message, state=State.FAILED, attempts=attempts, error=error)
        return
    wait = timedelta(seconds=min(2 ** min(attempts, 10), 60 if is_outage else 600))
    record(message, attempts=attempts, error=error, next_try_at=clock.now() + wait)


def put_back(message: OutboxMessage, *, seconds: float) -> None:
    """Return a message unsent because the channel asked to wait; does not count as a try."""
    record(message, next_try_at=clock.now() + timedelta(seconds=seconds))


@transaction.atomic
def retry_failed(message_ids: list[int], *, actor: str) -> int:
    """Send failed messages again; returns how many were put back into the outbox."""
    accounts.note(None, "messages.retried", actor=actor, data={"messages": message_ids})
    return OutboxMessage.objects.filter(
        pk__in=message_ids, state__in=[State.FAILED, State.UNREACHABLE]
    ).update(state=State.PENDING, attempts=0, next_try_at=None, error="")


def forget_old_texts(before: datetime) -> int:
    """Empty the values of messages settled before then; their dedupe keys stay for ever."""
    settled = OutboxMessage.objects.exclude(state=State.PENDING).filter(created_at__lt=before)
    return empty_in_batches(settled.exclude(context={}), context={}, error="")


def tell_staff(kind: str, *, dedupe_key: str, context: dict[str, Any] | None = None) -> int:
    """Tell every member of staff whose account knows their Telegram id; returns how many those are."""
    staff = list(User.objects.filter(is_staff=True, is_active=True, telegram_id__isnull=False))
    for person in staff:
        tell(person, kind, dedupe_key=f"{dedupe_key}:{person.pk}", context=context)
    return len(staff)
