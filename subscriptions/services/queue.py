"""The queue of grants behind an end: what of each is still to come, and how a new one joins."""

from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, QuerySet, Sum

from accounts.models import User
from core.rows import insert_missing
from subscriptions.errors import NoSuchGrant, SourceTaken
from subscriptions.models import Grant, Subscription, TakeBack
from subscriptions.services.state import lock, whole_second


def insert(grant: Grant, *, after: int) -> Grant:
    """Put the grant into its subscription's queue, behind the last place taken; the customer is locked.

    Raises SourceTaken if the source paid for another subscription at the same moment.
    """
    grant.place, grant.queued_seconds = after + 1, grant.seconds
    if not insert_missing(grant):
        return own(Grant.objects.get(source=grant.source), grant.subscription)
    return grant


def own(grant: Grant, subscription: Subscription) -> Grant:
    """Return the grant with its subscription. Raises SourceTaken if it is another one's."""
    if grant.subscription_id != subscription.pk:
        raise SourceTaken(
            f"{grant.source} paid for subscription {grant.subscription_id}, not {subscription.pk}"
        )
    grant.subscription = subscription
    return grant


def lock_grant(source: str) -> tuple[Grant, Subscription, User]:
    """Lock the customer behind a grant; return the rows as they are under the lock. Raises NoSuchGrant."""
    subscription_id = Grant.objects.filter(source=source).values_list("subscription_id", flat=True).first()
    if subscription_id is None:
        raise NoSuchGrant(f"nothing was given for {source}")
    subscription, customer = lock(subscription_id)
    return own(Grant.objects.get(source=source), subscription), subscription, customer


def unused_seconds(grant: Grant, subscription: Subscription, *, now: datetime) -> int:
    """Return how many seconds of the grant are still to come.

    Time is used up in the order of places, so the newest grants fill the end of what remains.
    """
    remaining = int((subscription.expires_at - whole_second(now)).total_seconds())
    later = subscription.grants.filter(place__gt=grant.place)
    behind = later.aggregate(total=Sum("queued_seconds"))["total"] or 0
    return min(max(remaining - behind, 0), grant.queued_seconds)


def standing(subscription: Subscription) -> "QuerySet[Grant]":
    """Return the grants whose terms count, newest first: the first one's are in force."""
    lifted = TakeBack.objects.filter(grant=OuterRef("pk"), state=TakeBack.State.TAKEN, is_whole=True)
    grants = subscription.grants.filter(plan__isnull=False)
    return grants.filter(~Exists(lifted)).select_related("plan").order_by("-id")


def last_place(subscription: Subscription) -> int:
    return subscription.grants.aggregate(last=Max("place"))["last"] or 0


def end_with(subscription: Subscription, seconds: int, now: datetime) -> datetime:
    """Return the end that so many more seconds make: after what there is, or from now."""
    if not seconds:
        return subscription.expires_at
    return max(whole_second(now), subscription.expires_at) + timedelta(seconds=seconds)
