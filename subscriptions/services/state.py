"""What the verbs share: the lock, and bringing state and access in line with the end and the flags."""

from datetime import datetime
from typing import Any

from accounts import services as accounts
from accounts.models import User
from core.clock import DAY
from notifications.services import tell
from subscriptions.errors import NoSuchSubscription
from subscriptions.models import Subscription
from vpnpanel import services as vpnpanel

REMIND_BEFORE = DAY


def lock(subscription_id: int) -> tuple[Subscription, User]:
    """Lock the customer of the subscription, and return both rows as they are under the lock.

    Raises NoSuchSubscription.
    """
    user_id = Subscription.objects.filter(pk=subscription_id).values_list("user_id", flat=True).first()
    if user_id is None:
        raise NoSuchSubscription(f"there is no subscription {subscription_id}")
    customer = accounts.lock_customer(user_id)
    rows = Subscription.objects.select_related("access", "allowance_grant__plan")
    subscription = rows.get(pk=subscription_id)
    subscription.user = customer
    return subscription, customer


def whole_second(at: datetime) -> datetime:
    """Return `at` rounded down: ends are whole seconds, because panels know no finer ones."""
    return at.replace(microsecond=0)


def is_free(subscription: Subscription, customer: User) -> bool:
    """Tell whether nobody holds the access back. Time is another matter: access carries its own end."""
    return not subscription.is_disabled and not customer.is_banned


def move_end(
    subscription: Subscription, customer: User, end: datetime, *, now: datetime, **limits: Any
) -> None:
    """Let the subscription end at `end`, with other limits and groups of its access where given.

    The life-cycle state follows. Who had no access before hears of it once it works; whose access ends by
    this hears of it at once.
    """
    was_live = subscription.is_live(now)
    subscription.expires_at = end
    subscription.state = Subscription.State.ACTIVE if end > now else Subscription.State.EXPIRED
    fields = ["plan", "expires_at", "state", "reminded_end"]
    subscription.save(update_fields=[*fields, *subscription.conditions, *subscription.ALLOWANCE])
    if subscription.is_live(now) and not was_live:
        limits["announce"] = True
    vpnpanel.change_access(
        subscription.access_id,
        until=end,
        is_enabled=is_free(subscription, customer),
        is_gone=False,
        **limits,
    )
    if subscription.state == Subscription.State.EXPIRED:
        tell_expired(subscription, customer)


def tell_expired(subscription: Subscription, customer: User) -> None:
    """Tell the customer that their time is up, once for each end; nothing where staff hold access back."""
    if is_free(subscription, customer):
        tell(
            customer,
            "subscription_expired",
            dedupe_key=f"subscription_expired:{subscription.pk}:{subscription.expires_at:%Y%m%d%H%M%S}",
            context={"subscription_id": subscription.pk},
        )


def note(
    subscription: Subscription, customer: User, action: str, *, actor: str, data: dict[str, Any]
) -> None:
    """Add a line about a moved end to the trail."""
    accounts.note(
        customer,
        action,
        actor=actor,
        subject=subscription.subject,
        data={**data, "ends": subscription.expires_at.isoformat()},
    )
