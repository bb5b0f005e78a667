"""Customers who paid and never connected: found, and asked once whether they need help."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts import services as accounts
from core import clock
from notifications.services import tell
from subscriptions.models import Grant, Subscription

log = logging.getLogger(__name__)

HINT_AFTER = timedelta(hours=24)
BATCH = 200
MOST_A_SWEEP = 2000
PAID = "order:"  # what the source of a grant that was paid for begins with


def never_connected(now: datetime) -> "QuerySet[Subscription]":
    """Return live ones paid for over a day ago that no app ever fetched and no traffic went through."""
    paid = Grant.objects.filter(subscription=OuterRef("pk"), source__startswith=PAID)
    return Subscription.objects.filter(
        Exists(paid),
        ~Exists(paid.filter(created_at__gt=now - HINT_AFTER)),
        state=Subscription.State.ACTIVE,
        first_fetched_at__isnull=True,
        access__first_used_at__isnull=True,
        created_at__lte=now - HINT_AFTER,
        expires_at__gt=now,
        is_disabled=False,
        user__banned_at__isnull=True,
    )


def hint_unconnected() -> int:
    """Ask those customers whether they need help, each once; returns how many were asked.

    Safe to repeat and to run in several processes at once: each customer is one short transaction.
    """
    now = clock.database_now()
    done = last = seen = 0
    while seen < MOST_A_SWEEP:
        due = never_connected(now).filter(hinted_at__isnull=True, pk__gt=last).order_by("pk")
        batch = list(due.values_list("pk", "user_id")[:BATCH])
        for subscription_id, user_id in batch:
            try:
                done += _hint(subscription_id, user_id, now)
            except Exception:  # the outermost loop: one broken row must not stop the others
                log.exception("the customer of subscription %s could not be asked", subscription_id)
        if len(batch) < BATCH:
            break
        seen += len(batch)
        last = batch[-1][0]
    return done


@transaction.atomic
def _hint(subscription_id: int, user_id: int, now: datetime) -> bool:
    customer = accounts.lock_customer(user_id)
    due = never_connected(now).filter(hinted_at__isnull=True, pk=subscription_id)
    if not due.exists():
        return False
    Subscription.objects.filter(pk=subscription_id).update(hinted_at=now)
    tell(
        customer,
        "never_connected",
        dedupe_key=f"never_connected:{subscription_id}",
        context={"subscription_id": subscription_id},
    )
    return True
