"""What is unused of a grant, taken back for a reason, and given back where the reason fell away."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum

from core import clock
from core.rows import insert_missing
from subscriptions.errors import NoSuchGrant, NoSuchTakeBack, SourceTaken
from subscriptions.models import Grant, Subscription, TakeBack
from subscriptions.services import queue
from subscriptions.services.allowances import Allowance
from subscriptions.services.state import REMIND_BEFORE, move_end, note
from subscriptions.services.terms import change_terms


@dataclass(frozen=True)
class TakeBackPreview:
    """What `take_back` would do now. `total_seconds` is what the grant gave when it was new."""

    seconds: int
    ends_before: datetime
    ends_after: datetime
    total_seconds: int


def preview_take_back(*, source: str, seconds: int | None = None) -> TakeBackPreview:
    """Say what taking back so many seconds of a grant, or all that is unused, would do now. Writes nothing.

    Raises NoSuchGrant.
    """
    grant = Grant.objects.select_related("subscription").filter(source=source).first()
    if grant is None:
        raise NoSuchGrant(f"nothing was given for {source}")
    unused = queue.unused_seconds(grant, grant.subscription, now=clock.database_now())
    taken = unused if seconds is None else min(seconds, unused)
    end = grant.subscription.expires_at
    return TakeBackPreview(taken, end, end - timedelta(seconds=taken), grant.seconds)


@transaction.atomic
def take_back(*, source: str, by: str, seconds: int | None = None, actor: str, reason: str) -> TakeBack:
    """Take back so many seconds of a grant, or all that is unused; time that has passed stays used.

    A grant may be taken back in parts. A part takes the same share of the grant's traffic, all of it takes
    the added devices too, and, from the newest terms, puts the terms before them back. Traffic that has
    flowed stays used. Safe to repeat: `by` takes once, also after it was given back.
    Raises NoSuchGrant, ValueError for negative seconds, and SourceTaken if `by` took from another grant.
    """
    if seconds is not None and seconds < 0:
        raise ValueError("taking back gives nothing")
    grant, subscription, customer = queue.lock_grant(source)
    done = TakeBack.objects.filter(by=by).first()
    if done is not None:
        return _own(done, grant)
    now = clock.database_now()
    unused = queue.unused_seconds(grant, subscription, now=now)
    is_whole = seconds is None or seconds >= unused > 0
    row = TakeBack(
        grant=grant,
        by=by,
        seconds=unused if seconds is None else min(seconds, unused),
        is_whole=is_whole,
        reason=reason[:300],
        actor=actor,
        ends_before=subscription.expires_at,
        taken_at=now,
    )
    row.ends_after = subscription.expires_at - timedelta(seconds=row.seconds)
    allowance = Allowance(subscription, now=now)
    limits = _limits_without(row, subscription, allowance)
    if not insert_missing(row):
        return _own(TakeBack.objects.get(by=by), grant)
    grant.queued_seconds -= row.seconds
    grant.save(update_fields=["queued_seconds"])
    allowance.settle(row.ends_after)
    move_end(subscription, customer, row.ends_after, now=now, **limits, **allowance.limits())
    note(subscription, customer, "grant.taken_back", actor=actor, data=_said(row, reason))
    return row


@transaction.atomic
def give_back(*, by: str, actor: str, reason: str) -> TakeBack:
    """Give back exactly what was taken for `by`: after what the subscription has, or from now.

    Its terms count again, unless newer ones came meanwhile. Safe to repeat. Raises NoSuchTakeBack.
    """
    source = TakeBack.objects.filter(by=by).values_list("grant__source", flat=True).first()
    if source is None:
        raise NoSuchTakeBack(f"nothing was taken back for {by}")
    grant, subscription, customer = queue.lock_grant(source)
    row = _own(TakeBack.objects.get(by=by), grant)
    if row.state == TakeBack.State.GIVEN_BACK:
        return row
    now = clock.database_now()
    grant.queued_seconds = queue.unused_seconds(grant, subscription, now=now) + row.seconds
    grant.place = queue.last_place(subscription) + 1
    row.state, row.given_back_at = TakeBack.State.GIVEN_BACK, now
    row.save(update_fields=["state", "given_back_at"])
    allowance = Allowance(subscription, now=now)
    limits = _limits_with(row, subscription, allowance)
    grant.save(update_fields=["queued_seconds", "place", "kept_traffic"])
    end = queue.end_with(subscription, row.seconds, now)
    if end - now <= REMIND_BEFORE:
        subscription.reminded_end = end
    allowance.settle(end)
    move_end(subscription, customer, end, now=now, **limits, **allowance.limits())
    note(subscription, customer, "grant.given_back", actor=actor, data=_said(row, reason))
    return row


def _limits_without(row: TakeBack, subscription: Subscription, allowance: Allowance) -> dict[str, Any]:
    """Settle traffic and devices to take, and return the other limits that leaves. A limit never falls to 0,
    which would mean none."""
    grant, access = row.grant, subscription.access
    taken = grant.take_backs.filter(state=TakeBack.State.TAKEN)
    before = taken.aggregate(traffic=Sum("traffic"), devices=Sum("devices"))
    share = grant.traffic if row.is_whole else grant.part_of_traffic(row.seconds)
    row.traffic = allowance.take(grant, min(share, grant.traffic - (before["traffic"] or 0)))
    limits: dict[str, Any] = {}
    if row.is_whole and grant.plan_id is None:
        row.devices = min(grant.devices - (before["devices"] or 0), max(access.devices - 1, 0))
        limits["devices"] = access.devices - row.devices
    terms = list(queue.standing(subscription)[:2]) if row.is_whole and grant.plan_id else []
    if len(terms) == 2 and terms[0] == grant:
        limits |= change_terms(subscription, terms[1])
        allowance.lift(grant, terms[1])
    return limits


def _limits_with(row: TakeBack, subscription: Subscription, allowance: Allowance) -> dict[str, Any]:
    """Return the other limits after what was taken is given back; `row` is no longer taken."""
    grant, access = row.grant, subscription.access
    allowance.put_back(grant, row.traffic)
    limits: dict[str, Any] = {"devices": access.devices + row.devices if access.devices else 0}
    if row.is_whole and grant.plan_id is not None and queue.standing(subscription).first() == grant:
        limits |= change_terms(subscription, grant)
        allowance.restore(grant, row.traffic)
    return limits


def _own(row: TakeBack, grant: Grant) -> TakeBack:
    if row.grant_id != grant.pk:
        raise SourceTaken(f"{row.by} took back from another grant than {grant.source}")
    row.grant = grant
    return row


def _said(row: TakeBack, reason: str) -> dict[str, Any]:
    return {
        "source": row.grant.source,
        "for": row.by,
        "seconds": row.seconds,
        "traffic": row.traffic,
        "reason": reason,
    }
