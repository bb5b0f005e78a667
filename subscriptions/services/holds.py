"""What staff hold back: a subscription, or all of a banned customer. Bought time is never touched."""

from django.db import transaction

from accounts import services as accounts
from accounts.models import User
from core import clock
from notifications.services import tell
from subscriptions.models import Subscription
from subscriptions.services.state import is_free, lock
from vpnpanel import services as vpnpanel


@transaction.atomic
def disable(subscription_id: int, *, reason: str, actor: str) -> Subscription:
    """Cut a subscription off until staff enable it again, and tell the customer.

    Safe to repeat. Raises NoSuchSubscription, and ValueError for no reason.
    """
    if not reason.strip():
        raise ValueError("a reason is needed")
    return _set_disabled(subscription_id, reason=reason.strip()[:300], actor=actor)


@transaction.atomic
def enable(subscription_id: int, *, actor: str) -> Subscription:
    """Let a disabled subscription work again, for what is left of its time, and tell the customer.

    Safe to repeat. Raises NoSuchSubscription.
    """
    return _set_disabled(subscription_id, reason="", actor=actor)


def _set_disabled(subscription_id: int, *, reason: str, actor: str) -> Subscription:
    """Disable for `reason`, or enable with an empty one."""
    subscription, customer = lock(subscription_id)
    wanted = bool(reason)
    if subscription.is_disabled == wanted:
        return subscription
    subscription.is_disabled, subscription.disabled_reason = wanted, reason
    subscription.save(update_fields=["is_disabled", "disabled_reason"])
    vpnpanel.change_access(subscription.access_id, is_enabled=is_free(subscription, customer))
    action = "disabled" if wanted else "enabled"
    data = {"reason": reason} if reason else {}
    accounts.note(customer, f"subscription.{action}", actor=actor, subject=subscription.subject, data=data)
    _tell(customer, f"subscription_{action}", subscription_id=subscription.pk)
    return subscription


@transaction.atomic
def ban_customer(user_id: int, *, reason: str, actor: str) -> bool:
    """Shut a customer out and cut off all their access; tell whether that changed anything.

    Safe to repeat. Raises NoSuchCustomer, and ValueError for no reason.
    """
    if not reason.strip():
        raise ValueError("a reason is needed")
    return _set_banned(user_id, reason=reason.strip()[:300], actor=actor)


@transaction.atomic
def unban_customer(user_id: int, *, actor: str) -> bool:
    """Let a banned customer back to what is left of their time; tell whether that changed anything.

    Safe to repeat. Subscriptions that staff disabled stay so. Raises NoSuchCustomer.
    """
    return _set_banned(user_id, reason=None, actor=actor)


def _set_banned(user_id: int, *, reason: str | None, actor: str) -> bool:
    if not accounts.set_banned(user_id, reason=reason, actor=actor):
        return False
    customer = accounts.lock_customer(user_id)
    for subscription in Subscription.objects.filter(user=customer):
        vpnpanel.change_access(subscription.access_id, is_enabled=is_free(subscription, customer))
    _tell(customer, "customer_unbanned" if reason is None else "customer_banned")
    return True


def _tell(customer: User, kind: str, **context: int) -> None:
    """Tell of a change that the caller saw happen under the lock, so that its time makes the key unique."""
    subject = context.get("subscription_id", customer.pk)
    tell(customer, kind, dedupe_key=f"{kind}:{subject}:{clock.now().timestamp():.6f}", context=context)
