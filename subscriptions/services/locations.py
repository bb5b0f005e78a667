"""Where a customer's servers stand, as far as they may choose."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts import services as accounts
from accounts.models import User
from core import clock
from subscriptions.errors import NoSuchSubscription, TooSoon
from subscriptions.models import Subscription
from subscriptions.services.state import lock
from vpnpanel import services as vpnpanel

# Every change makes an account on a panel and removes another.
COOL_DOWN = timedelta(minutes=10)


@dataclass(frozen=True)
class LocationOffer:
    """What a customer may choose from: location -> a number that stands for it on buttons.

    `chosen` is empty for any; `again_at` is when they may choose again, None for now.
    """

    subscription_id: int
    locations: dict[str, int]
    chosen: str
    again_at: datetime | None

    @property
    def is_choice(self) -> bool:
        return len(self.locations) > 1


def locations_of(customer: User) -> LocationOffer | None:
    """Return the choice for the subscription on the customer's screens, None without one that runs.

    Two queries. Who is on all panels at once has nothing to choose.
    """
    held = Subscription.objects.filter(user=customer).select_related("access")
    subscription = held.order_by("-expires_at", "-id").first()
    if subscription is None or not subscription.is_live(clock.now()):
        return None
    access = subscription.access
    offered = vpnpanel.locations_for(access.pk) if access.panel_count else {}
    return LocationOffer(subscription.pk, offered, access.location, _again_at(access.location_chosen_at))


@transaction.atomic
def choose_location(subscription_id: int, *, location: str, actor: str, customer_id: int) -> bool:
    """Let the subscription's servers be at a location, any for an empty one; tell whether that changed it.

    The old server serves until the new one works. Safe to repeat. Raises NoSuchSubscription if the customer
    has no such one that runs, NoSuchLocation if no panel of their plan there takes them now, and TooSoon if
    they chose another less than ten minutes ago.
    """
    subscription, customer = lock(subscription_id)
    if customer.pk != customer_id or not subscription.is_live(clock.now()):
        raise NoSuchSubscription(f"customer {customer_id} has no subscription {subscription_id} that runs")
    access = subscription.access
    if access.location == location:
        return False
    if again_at := _again_at(access.location_chosen_at):
        raise TooSoon(
            f"another location was chosen less than ten minutes ago: not before {again_at:%H:%M:%S} UTC"
        )
    if not vpnpanel.choose_location(access.pk, location):
        return False
    data = {"from": access.location, "to": location}
    accounts.note(customer, "location.chosen", actor=actor, subject=subscription.subject, data=data)
    return True


def _again_at(chosen_at: datetime | None) -> datetime | None:
    again_at = chosen_at + COOL_DOWN if chosen_at else None
    return again_at if again_at and again_at > clock.now() else None
