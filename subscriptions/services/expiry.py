"""Sweeps over the ends of subscriptions: what is over is cut off, what is nearly over is said."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts import services as accounts
from core import clock
from notifications.services import tell
from subscriptions.models import Subscription
from subscriptions.services.state import REMIND_BEFORE, tell_expired
from vpnpanel import services as vpnpanel

log = logging.getLogger(__name__)

BATCH = 200
MOST_A_SWEEP = 5000  # some 20 s of work; the next tick goes on


def expire_due() -> int:
    """Cut off what has ended by the database's clock, tell the customers, and return how many it was.

    Safe to repeat and to run in several processes at once: each customer is one short transaction.
    """
    return sweep(_ended(clock.database_now()), _expire)


def remind_due() -> int:
    """Tell customers whose time ends within a day; return how many were told. Each end is told once."""
    return sweep(_ending(clock.database_now()), _remind)


def _ended(now: datetime) -> "QuerySet[Subscription]":
    return Subscription.objects.filter(state=Subscription.State.ACTIVE, expires_at__lte=now)


def _ending(now: datetime) -> "QuerySet[Subscription]":
    """Those who can still be told in time, and were not told of this end; held back ones hear nothing."""
    return Subscription.objects.filter(
        Q(reminded_end__isnull=True) | ~Q(reminded_end=F("expires_at")),
        state=Subscription.State.ACTIVE,
        expires_at__gt=now,
        expires_at__lte=now + REMIND_BEFORE,
        is_disabled=False,
        user__banned_at__isnull=True,
    )


def sweep(due: "QuerySet[Subscription]", settle: Callable[[int, int], bool]) -> int:
    """Settle each of `due` in a transaction of its own, earliest end first."""
    done = seen = 0
    after = Q()
    while seen < MOST_A_SWEEP:
        batch = list(
            due.filter(after).order_by("expires_at", "pk").values_list("expires_at", "pk", "user_id")[:BATCH]
        )
        for _, subscription_id, user_id in batch:
            try:
                done += settle(subscription_id, user_id)
            except Exception:  # the outermost loop: one broken row must not stop the others
                log.exception("subscription %s could not be settled", subscription_id)
        if len(batch) < BATCH:
            break
        seen += len(batch)
        end, last = batch[-1][:2]
        after = Q(expires_at__gt=end) | Q(expires_at=end, pk__gt=last)
    return done


@transaction.atomic
def _expire(subscription_id: int, user_id: int) -> bool:
    customer = accounts.lock_customer(user_id)
    subscription = _ended(clock.database_now()).filter(pk=subscription_id).first()
    if subscription is None:  # extended meanwhile, or another process was faster
        return False
    subscription.state = Subscription.State.EXPIRED
    subscription.save(update_fields=["state"])
    vpnpanel.change_access(subscription.access_id, until=subscription.expires_at, announce=False)
    accounts.note(customer, "subscription.expired", actor="schedule", subject=subscription.subject)
    tell_expired(subscription, customer)
    return True


@transaction.atomic
def _remind(subscription_id: int, user_id: int) -> bool:
    customer = accounts.lock_customer(user_id)
    subscription = _ending(clock.database_now()).filter(pk=subscription_id).first()
    if subscription is None:
        return False
    subscription.reminded_end = subscription.expires_at
    subscription.save(update_fields=["reminded_end"])
    tell(
        customer,
        "subscription_ending",
        dedupe_key=f"subscription_ending:{subscription.pk}:{subscription.expires_at:%Y%m%d%H%M%S}",
        context={"subscription_id": subscription.pk, "ends": subscription.expires_at.isoformat()},
    )
    return True
