"""Time and limits given on top of the terms there are."""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import User
from core import clock
from core.clock import DAY
from notifications.services import tell
from subscriptions.errors import SourceTaken
from subscriptions.models import Grant, Subscription
from subscriptions.services import queue
from subscriptions.services.allowances import Allowance
from subscriptions.services.state import REMIND_BEFORE, lock, move_end, note

MOST_STAFF_DAYS = 3660


@transaction.atomic
def give(
    subscription_id: int,
    *,
    source: str,
    seconds: int,
    traffic: int = 0,
    devices: int = 0,
    actor: str,
    reason: str = "",
) -> Grant:
    """Give time, traffic (bytes) and devices to a subscription: after what it has, or from now.

    Safe to repeat: a source counts once, and a repeat returns what it gave then. Unlimited traffic and
    devices stay unlimited. A subscription that is held back gets its time too, and stays held back.
    Raises NoSuchSubscription, and SourceTaken if the source paid for another subscription.
    """
    if min(seconds, traffic, devices) < 0:
        raise ValueError("a grant takes nothing away")
    subscription, customer = lock(subscription_id)
    given = Grant.objects.filter(source=source).first()
    if given is not None:
        return queue.own(given, subscription)
    now = clock.database_now()
    grant = Grant(
        subscription=subscription,
        source=source,
        seconds=seconds,
        traffic=traffic if subscription.access.traffic_limit or subscription.plans_limit else 0,
        devices=devices if subscription.access.devices else 0,
        actor=actor,
        reason=reason,
        ends_before=subscription.expires_at,
        ends_after=queue.end_with(subscription, seconds, now),
    )
    grant = queue.insert(grant, after=queue.last_place(subscription))
    _add(subscription, customer, seconds, grant.traffic, grant.devices, now=now)
    data = {"source": source, "seconds": seconds, "traffic": traffic, "devices": devices, "reason": reason}
    note(subscription, customer, "grant.given", actor=actor, data=data)
    return grant


@transaction.atomic
def extend_by_staff(
    subscription_id: int, *, days: int, reason: str, form_uuid: uuid.UUID, actor: str
) -> Grant:
    """Give whole days for a reason of the staff's, and tell the customer.

    Safe to repeat: one form gives once. Raises NoSuchSubscription, SourceTaken if the form gave other days
    already, and ValueError for no reason or days that are not 1 to 3660.
    """
    if not 1 <= days <= MOST_STAFF_DAYS:
        raise ValueError(f"days must be 1 to {MOST_STAFF_DAYS}")
    if not reason.strip():
        raise ValueError("a reason is needed")
    seconds = days * int(DAY.total_seconds())
    grant = give(
        subscription_id,
        source=f"staff:{form_uuid}",
        seconds=seconds,
        actor=actor,
        reason=reason.strip()[:300],
    )
    if grant.seconds != seconds:  # somebody went back to a form that was used
        given = grant.seconds // int(DAY.total_seconds())
        raise SourceTaken(f"this form gave {given} days already; open it anew to give more")
    tell(
        grant.subscription.user,
        "subscription_extended",
        dedupe_key=f"subscription_extended:{grant.pk}",
        context={"subscription_id": subscription_id, "days": days},
    )
    return grant


def _add(
    subscription: Subscription, customer: User, seconds: int, traffic: int, devices: int, *, now: datetime
) -> None:
    end, allowance = queue.end_with(subscription, seconds, now), Allowance(subscription, now=now)
    allowance.add(traffic)
    allowance.settle(end)
    if end - now <= REMIND_BEFORE:
        subscription.reminded_end = end  # they hear of the new end now; a reminder on top would be noise
    limits = {**allowance.limits(), "devices": subscription.access.devices + devices}
    move_end(subscription, customer, end, now=now, **limits)
