"""The customer's link."""

from django.db import transaction

from accounts import services as accounts
from notifications.services import tell
from subscriptions.models import Subscription
from subscriptions.services.state import lock
from subscriptions.tokens import fresh_token, hash_of
from vpnpanel import services as vpnpanel


@transaction.atomic
def rotate_link(subscription_id: int, *, actor: str, keys: bool = False) -> Subscription:
    """Give the subscription a new link and tell it to the customer; the old one is as unknown from then on.

    Each call makes another link. Keys that apps have fetched already keep working, unless `keys` says that
    they are changed too: then nobody gets through without the new link. Raises NoSuchSubscription.
    """
    subscription, customer = lock(subscription_id)
    token = fresh_token()
    subscription.token, subscription.token_hash = token, hash_of(token)
    subscription.save(update_fields=["token", "token_hash"])
    if keys:
        vpnpanel.rotate_keys(subscription.access_id)
    accounts.note(customer, "link.rotated", actor=actor, subject=subscription.subject, data={"keys": keys})
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
