"""The customer's link."""

from datetime import timedelta

from django.db import transaction

from accounts import services as accounts
from accounts.models import User
from core import clock
from notifications.services import tell
from subscriptions.errors import NoSuchSubscription, TooSoon
from subscriptions.models import Subscription
from subscriptions.services.state import lock
from subscriptions.tokens import fresh_token, hash_of
from vpnpanel import services as vpnpanel

# Each new link means new keys on every panel, and customers who set up their devices again.
COOL_DOWN = timedelta(minutes=10)


@transaction.atomic
def rotate_link(subscription_id: int, *, actor: str, keys: bool = False) -> Subscription:
    """Give the subscription a new link and tell it to the customer; the old one is as unknown from then on.

    Each call makes another link. Keys that apps have fetched already keep working, unless `keys` says that
    they are changed too: then nobody gets through without the new link. Raises NoSuchSubscription.
    """
    subscription, customer = lock(subscription_id)
    _replace(subscription, customer, actor=actor, keys=keys)
    tell(
        customer,
        "link_rotated",
        dedupe_key=f"link_rotated:{subscription.token_hash}",
        context={
            "subscription_id": subscription.pk,
            "token_hash": subscription.token_hash,
            "keys": keys,
        },
    )
    return subscription


@transaction.atomic
def replace_own_link(subscription_id: int, *, customer_id: int) -> Subscription:
    """Give a customer who asks for it a new link and new keys; the old ones are worth nothing from then on.

    Nothing is told: whoever asks sees the new link at once. Raises NoSuchSubscription, also for somebody
    else's, and TooSoon within COOL_DOWN of the last new link.
    """
    subscription, customer = lock(subscription_id)
    if customer.pk != customer_id:
        raise NoSuchSubscription(f"subscription {subscription_id} is not held by customer {customer_id}")
    now = clock.now()
    if subscription.link_changed_at and now < subscription.link_changed_at + COOL_DOWN:
        raise TooSoon(f"subscription {subscription_id} got a new link at {subscription.link_changed_at}")
    _replace(subscription, customer, actor="customer", keys=True)
    return subscription


def _replace(subscription: Subscription, customer: User, *, actor: str, keys: bool) -> None:
    token = fresh_token()
    subscription.token, subscription.token_hash = token, hash_of(token)
    subscription.link_changed_at = clock.now()
    subscription.save(update_fields=["token", "token_hash", "link_changed_at"])
    if keys:
        vpnpanel.rotate_keys(subscription.access_id)
    accounts.note(customer, "link.rotated", actor=actor, subject=subscription.subject, data={"keys": keys})
