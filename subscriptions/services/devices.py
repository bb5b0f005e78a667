"""Which devices a subscription serves: each takes a place when it first fetches, and keeps it."""

from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from accounts import services as accounts
from accounts.models import AuditEvent
from core import clock
from core.crypto import keyed_hash
from core.models import RetentionRule
from core.retention import delete_in_batches
from core.rows import insert_missing
from subscriptions.errors import NoSuchDevice, TooManyRemovals
from subscriptions.models import Conditions, Device, Subscription, SubscriptionRules
from subscriptions.services import sightings
from subscriptions.told import Told
from vpnpanel.models import Access

Mode = Conditions.DeviceMode

MOST_KEPT = 50  # where any number may connect, rows must still not grow with made-up ids
REMOVED = "device.removed"
UNSEEN_RULE, UNSEEN_DAYS = "devices not seen", 30


class Refusal(StrEnum):
    """Why a device is not served."""

    NONE = ""
    FULL = "full"  # all places are taken by others
    UNTOLD = "untold"  # the app does not say which device it is on, and the plan wants to know


def admit(subscription: Subscription, told: Told | None) -> Refusal:
    """Let the device in if it has a place or takes a free one; say why not otherwise.

    Safe to repeat. A known device costs one query and writes nothing: when it was last seen follows later.
    Two new ones at once never share the last place: it is given under the customer's lock.
    """
    if subscription.device_mode == Mode.OFF:
        return Refusal.NONE
    if told is None:
        return Refusal.UNTOLD if subscription.device_mode == Mode.STRICT else Refusal.NONE
    hwid_hash = _hash(told)
    devices = list(Device.objects.filter(subscription=subscription.pk).only("hwid_hash", "last_seen_at"))
    known = next((device for device in devices if device.hwid_hash == hwid_hash), None)
    if known is not None:
        sightings.note_device(known, told)
        return Refusal.NONE
    if _is_full(subscription.access.devices, len(devices)) and not _unseen(devices):
        return Refusal.FULL  # without the lock: a refused app asks again and again
    return Refusal.NONE if _take_place(subscription, hwid_hash, told) else Refusal.FULL


@transaction.atomic
def _take_place(subscription: Subscription, hwid_hash: str, told: Told) -> bool:
    customer = accounts.lock_customer(subscription.user_id)
    limit = Access.objects.filter(pk=subscription.access_id).values_list("devices", flat=True).get()
    devices = list(Device.objects.filter(subscription=subscription.pk).only("hwid_hash", "last_seen_at"))
    if any(device.hwid_hash == hwid_hash for device in devices):
        return True  # its own first two fetches came at once
    taken = len(devices)
    if _is_full(limit, taken):
        freed = _unseen(devices)
        Device.objects.filter(pk__in=[device.pk for device in freed]).delete()
        taken -= len(freed)
    if _is_full(limit, taken):
        return False
    if not limit and taken >= MOST_KEPT:
        return True
    now = clock.now()
    device = Device(
        subscription_id=subscription.pk,
        hwid_hash=hwid_hash,
        platform=told.platform,
        os_version=told.os_version,
        model=told.model,
        app=told.app,
        first_seen_at=now,
        last_seen_at=now,
    )
    if insert_missing(device):
        data = {"device": device.name}
        accounts.note(customer, "device.added", actor="app", subject=subscription.subject, data=data)
    return True


def _unseen(devices: list[Device]) -> list[Device]:
    """Return those that were not seen for so long that others may have their places. One query."""
    rule = RetentionRule.objects.filter(key=UNSEEN_RULE).first()
    before = clock.now() - timedelta(days=rule.days if rule else UNSEEN_DAYS)
    return [device for device in devices if device.last_seen_at < before]


def _is_full(limit: int, taken: int) -> bool:
    return bool(limit) and taken >= limit


def _hash(told: Told) -> str:
    return keyed_hash("device", told.hwid)


@transaction.atomic
def remove_device(device_id: int, *, actor: str, customer_id: int | None = None) -> Subscription:
    """Free the device's place; it takes a new one when it next fetches, if one is free then.

    With `customer_id` it must be theirs, and they may do so only so often a day (SubscriptionRules): else one
    link would serve a crowd in turns. Raises NoSuchDevice, TooManyRemovals.
    """
    found = Device.objects.filter(pk=device_id).select_related("subscription").first()
    if found is None or customer_id not in (None, found.subscription.user_id):
        raise NoSuchDevice(f"there is no device {device_id}")
    subscription = found.subscription
    customer = accounts.lock_customer(subscription.user_id)
    if customer_id is not None and not removals_left(subscription.pk):
        raise TooManyRemovals(f"subscription {subscription.pk} had its devices removed too often today")
    if Device.objects.filter(pk=device_id).delete()[0]:
        data = {"device": found.name}
        accounts.note(customer, REMOVED, actor=actor, subject=subscription.subject, data=data)
    return subscription


def removals_left(subscription_id: int) -> int:
    """Return how many devices the customer may still remove today. Two queries."""
    rules = SubscriptionRules.objects.first() or SubscriptionRules()
    done = AuditEvent.objects.filter(
        subject=Subscription(pk=subscription_id).subject,
        action=REMOVED,
        actor="customer",
        created_at__gt=clock.now() - clock.DAY,
    )
    return max(rules.device_removals - done.count(), 0)


@transaction.atomic
def forget_devices(subscription_id: int, *, actor: str) -> int:
    """Free all places of the subscription, and return how many there were."""
    subscription = Subscription.objects.only("user_id").get(pk=subscription_id)
    customer = accounts.lock_customer(subscription.user_id)
    removed = Device.objects.filter(subscription=subscription_id).delete()[0]
    if removed:
        data = {"devices": removed}
        accounts.note(customer, "devices.forgotten", actor=actor, subject=subscription.subject, data=data)
    return removed


def release_unseen(before: datetime) -> int:
    """Free the places of devices last seen before then; one that comes back takes a place again."""
    return delete_in_batches(Device.objects.filter(last_seen_at__lt=before))
