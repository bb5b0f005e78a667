"""Time and limits given, taken back and given again. Nothing else moves the end of a subscription."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Sum

from accounts import services as accounts
from accounts.models import User
from core import clock
from core.clock import DAY
from notifications.services import tell
from subscriptions.errors import NoSuchGrant, SourceTaken
from subscriptions.models import Grant, Subscription
from subscriptions.services.state import REMIND_BEFORE, lock, move_end, whole_second
from vpnpanel.models import PanelAccount

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
        return _own(given, subscription)
    now = clock.database_now()
    grant = Grant(
        subscription=subscription,
        source=source,
        seconds=seconds,
        queued_seconds=seconds,
        place=_last_place(subscription) + 1,
        traffic=traffic if subscription.access.traffic_limit else 0,
        devices=devices if subscription.access.devices else 0,
        actor=actor,
        reason=reason,
        ends_before=subscription.expires_at,
        ends_after=_end_with(subscription, seconds, now),
    )
    Grant.objects.bulk_create([grant], ignore_conflicts=True)
    given = _own(Grant.objects.get(source=source), subscription)
    _add(subscription, customer, seconds, grant.traffic, grant.devices, now=now)
    data = {"source": source, "seconds": seconds, "traffic": traffic, "devices": devices, "reason": reason}
    _note(subscription, customer, "grant.given", actor, data)
    return given


@transaction.atomic
def revoke(*, source: str, actor: str, reason: str) -> Grant:
    """Take back what is unused of a grant: time that has passed and traffic that has flowed stay used.

    Safe to repeat: a grant is taken back once. Raises NoSuchGrant.
    """
    grant, subscription, customer = _lock_grant(source)
    if grant.state == Grant.State.REVOKED:
        return grant
    now = clock.database_now()
    grant.revoked_seconds = unused_seconds(grant, subscription, now=now)
    grant.revoked_traffic = _unused_traffic(grant, subscription)
    grant.revoked_devices = min(grant.devices, max(subscription.access.devices - 1, 0))
    grant.state, grant.revoked_at = Grant.State.REVOKED, now
    grant.save(update_fields=["revoked_seconds", "revoked_traffic", "revoked_devices", "state", "revoked_at"])

    access = subscription.access
    move_end(
        subscription,
        customer,
        subscription.expires_at - timedelta(seconds=grant.revoked_seconds),
        now=now,
        traffic_limit=access.traffic_limit - grant.revoked_traffic,
        devices=access.devices - grant.revoked_devices,
    )
    data = {
        "source": source,
        "seconds": grant.revoked_seconds,
        "traffic": grant.revoked_traffic,
        "reason": reason,
    }
    _note(subscription, customer, "grant.revoked", actor, data)
    return grant


@transaction.atomic
def restore(*, source: str, actor: str, reason: str) -> Grant:
    """Give back exactly what `revoke` took, after what the subscription has or from now.

    Safe to repeat. Raises NoSuchGrant.
    """
    grant, subscription, customer = _lock_grant(source)
    if grant.state == Grant.State.GIVEN:
        return grant
    seconds, traffic, devices = grant.revoked_seconds, grant.revoked_traffic, grant.revoked_devices
    grant.state, grant.revoked_at = Grant.State.GIVEN, None
    grant.place, grant.queued_seconds = _last_place(subscription) + 1, seconds
    grant.revoked_seconds = grant.revoked_traffic = grant.revoked_devices = 0
    grant.save()
    _add(subscription, customer, seconds, traffic, devices, now=clock.database_now())
    data = {"source": source, "seconds": seconds, "traffic": traffic, "reason": reason}
    _note(subscription, customer, "grant.restored", actor, data)
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


def unused_seconds(grant: Grant, subscription: Subscription, *, now: datetime) -> int:
    """Return how many seconds of the grant are still to come.

    Time is used up in the order of places, so the newest grants fill the end of what remains.
    """
    if grant.state == Grant.State.REVOKED:
        return 0
    remaining = int((subscription.expires_at - whole_second(now)).total_seconds())
    later = subscription.grants.filter(state=Grant.State.GIVEN, place__gt=grant.place)
    behind = later.aggregate(total=Sum("queued_seconds"))["total"] or 0
    return min(max(remaining - behind, 0), grant.queued_seconds)


def _unused_traffic(grant: Grant, subscription: Subscription) -> int:
    """Return how many bytes of the grant did not flow. A limit never falls to 0, which would mean none."""
    limit = subscription.access.traffic_limit
    used = PanelAccount.objects.filter(access_id=subscription.access_id).aggregate(total=Sum("used_bytes"))[
        "total"
    ]
    return min(grant.traffic, max(limit - max(used or 0, 1), 0))


def _add(
    subscription: Subscription, customer: User, seconds: int, traffic: int, devices: int, *, now: datetime
) -> None:
    access, end = subscription.access, _end_with(subscription, seconds, now)
    if end - now <= REMIND_BEFORE:
        subscription.reminded_end = end  # they hear of the new end now; a reminder on top would be noise
    limits = {"traffic_limit": access.traffic_limit + traffic, "devices": access.devices + devices}
    move_end(subscription, customer, end, now=now, **limits)


def _end_with(subscription: Subscription, seconds: int, now: datetime) -> datetime:
    if not seconds:
        return subscription.expires_at
    return max(whole_second(now), subscription.expires_at) + timedelta(seconds=seconds)


def _last_place(subscription: Subscription) -> int:
    return subscription.grants.aggregate(last=Max("place"))["last"] or 0


def _own(grant: Grant, subscription: Subscription) -> Grant:
    if grant.subscription_id != subscription.pk:
        raise SourceTaken(
            f"{grant.source} paid for subscription {grant.subscription_id}, not {subscription.pk}"
        )
    grant.subscription = subscription
    return grant


def _lock_grant(source: str) -> tuple[Grant, Subscription, User]:
    subscription_id = Grant.objects.filter(source=source).values_list("subscription_id", flat=True).first()
    if subscription_id is None:
        raise NoSuchGrant(f"nothing was given for {source}")
    subscription, customer = lock(subscription_id)
    grant = Grant.objects.get(source=source)
    grant.subscription = subscription
    return grant, subscription, customer


def _note(
    subscription: Subscription, customer: User, action: str, actor: str, data: dict[str, object]
) -> None:
    accounts.note(
        customer,
        action,
        actor=actor,
        subject=subscription.subject,
        data={**data, "ends": subscription.expires_at.isoformat()},
    )
