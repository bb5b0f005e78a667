"""What staff hold back, and what it leaves untouched."""

import pytest

from accounts.errors import NoSuchCustomer
from accounts.models import AuditEvent
from core import clock
from notifications.models import OutboxMessage
from subscriptions import services
from subscriptions.errors import NoSuchSubscription
from subscriptions.models import Subscription
from tests.factories import make_customer, make_subscription
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db


def disable(subscription):
    return services.disable(subscription.pk, reason="fraud", actor="olga")


def ban(subscription):
    return services.ban_customer(subscription.user_id, reason="spam", actor="olga")


def is_wanted(subscription) -> bool:
    return Access.objects.get(pk=subscription.access_id).is_wanted(clock.now())


def told() -> list[str]:
    return list(OutboxMessage.objects.order_by("id").values_list("kind", flat=True))


def test_disabling_cuts_access_off_and_keeps_bought_time():
    subscription = make_subscription()
    disable(subscription)
    after = Subscription.objects.get()
    assert not is_wanted(subscription)
    assert (after.is_disabled, after.disabled_reason, after.expires_at) == (
        True,
        "fraud",
        subscription.expires_at,
    )


def test_enabling_brings_access_back_until_the_same_end():
    subscription = make_subscription()
    disable(subscription)
    services.enable(subscription.pk, actor="olga")
    after = Subscription.objects.get()
    assert is_wanted(subscription)
    assert (after.is_disabled, after.disabled_reason, after.expires_at) == (
        False,
        "",
        subscription.expires_at,
    )


def test_disabling_twice_tells_and_changes_once():
    subscription = make_subscription()
    disable(subscription)
    generation = Access.objects.get().generation
    disable(subscription)
    assert Access.objects.get().generation == generation
    assert told() == ["subscription_disabled"]


def test_enabling_what_is_not_disabled_says_nothing():
    services.enable(make_subscription().pk, actor="olga")
    assert told() == []


def test_customer_hears_of_each_change_once():
    subscription = make_subscription()
    for _ in range(2):
        disable(subscription)
        services.enable(subscription.pk, actor="olga")
    assert told() == ["subscription_disabled", "subscription_enabled"] * 2


def test_trail_names_who_disabled_and_why():
    disable(make_subscription())
    event = AuditEvent.objects.get(action="subscription.disabled")
    assert (event.actor, event.data) == ("olga", {"reason": "fraud"})


@pytest.mark.parametrize("reason", ["", "  "])
def test_nobody_is_held_back_without_a_reason(reason):
    subscription = make_subscription()
    with pytest.raises(ValueError, match="reason"):
        services.disable(subscription.pk, reason=reason, actor="olga")
    with pytest.raises(ValueError, match="reason"):
        services.ban_customer(subscription.user_id, reason=reason, actor="olga")
    assert is_wanted(subscription)


def test_unknown_subscription_or_customer_is_an_error():
    with pytest.raises(NoSuchSubscription):
        services.disable(999_999, reason="fraud", actor="olga")
    with pytest.raises(NoSuchCustomer):
        services.ban_customer(999_999, reason="spam", actor="olga")


def test_ban_cuts_off_and_lifting_it_brings_back():
    subscription = make_subscription()
    assert ban(subscription) and not is_wanted(subscription)
    assert services.unban_customer(subscription.user_id, actor="olga") and is_wanted(subscription)
    assert told() == ["customer_banned", "customer_unbanned"]


def test_ban_of_a_banned_customer_changes_nothing():
    subscription = make_subscription()
    assert ban(subscription)
    assert not ban(subscription)
    assert told() == ["customer_banned"]


def test_ban_spares_everybody_else():
    other = make_subscription()
    ban(make_subscription())
    assert is_wanted(other)


def test_lifting_a_ban_leaves_disabled_subscriptions_disabled():
    subscription = make_subscription()
    disable(subscription)
    ban(subscription)
    services.unban_customer(subscription.user_id, actor="olga")
    assert not is_wanted(subscription)


def test_enabling_does_not_let_a_banned_customer_in():
    subscription = make_subscription()
    disable(subscription)
    ban(subscription)
    services.enable(subscription.pk, actor="olga")
    assert not is_wanted(subscription)


def test_customer_without_a_subscription_can_be_banned():
    customer = make_customer()
    assert services.ban_customer(customer.pk, reason="spam", actor="olga")
    customer.refresh_from_db()
    assert customer.is_banned
