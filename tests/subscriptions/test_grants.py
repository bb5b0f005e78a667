"""Time and limits given on top of what there is."""

import uuid
from datetime import timedelta

import pytest

from core import clock
from notifications.models import OutboxMessage
from subscriptions import services
from subscriptions.errors import NoSuchSubscription, SourceTaken
from subscriptions.models import Grant, Subscription
from tests.factories import let_pass, make_subscription
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db
DAY = 86_400
GIB = 2**30


def give(subscription, source="order:1", seconds=30 * DAY, **more) -> Grant:
    return services.give(subscription.pk, source=source, seconds=seconds, actor="test", **more)


def end_of(subscription):
    return Subscription.objects.get(pk=subscription.pk).expires_at


def access_of(subscription) -> Access:
    return Access.objects.get(pk=subscription.access_id)


def told(kind: str) -> int:
    return OutboxMessage.objects.filter(kind=kind).count()


def test_grant_adds_to_the_end_and_to_access():
    subscription = make_subscription()
    before = subscription.expires_at
    grant = give(subscription)
    assert end_of(subscription) == grant.ends_after == before + timedelta(days=30)
    assert grant.ends_before == before
    assert access_of(subscription).until == grant.ends_after


def test_same_source_gives_once():
    subscription = make_subscription()
    first, second = give(subscription), give(subscription, seconds=99 * DAY)
    assert first == second
    assert end_of(subscription) == first.ends_after
    assert access_of(subscription).generation == 2


def test_source_of_another_subscription_is_refused():
    give(make_subscription())
    other = make_subscription()
    with pytest.raises(SourceTaken):
        give(other)
    assert end_of(other) == other.expires_at


def test_grant_after_the_end_starts_now_and_brings_the_subscription_back():
    subscription = let_pass(make_subscription(), days=10)
    services.expire_due()
    give(subscription)
    subscription.refresh_from_db()
    assert subscription.state == Subscription.State.ACTIVE
    assert subscription.expires_at - clock.now() > timedelta(days=30, seconds=-30)


def test_customer_hears_again_when_access_comes_back():
    subscription = let_pass(make_subscription(), days=10)
    services.expire_due()
    assert not access_of(subscription).announce
    give(subscription)
    assert access_of(subscription).announce


def test_grant_to_working_access_announces_nothing():
    subscription = make_subscription(announce=False)
    give(subscription)
    assert not access_of(subscription).announce


def test_removed_access_is_wanted_again_after_a_grant():
    subscription = let_pass(make_subscription(is_gone=True), days=10)
    give(subscription)
    assert access_of(subscription).is_wanted(clock.now())


@pytest.mark.parametrize("hold", ["disabled", "banned"])
def test_held_back_subscription_gets_its_time_but_no_access(hold):
    subscription = make_subscription()
    if hold == "disabled":
        services.disable(subscription.pk, reason="fraud", actor="olga")
    else:
        services.ban_customer(subscription.user_id, reason="fraud", actor="olga")
    give(subscription)
    assert end_of(subscription) == subscription.expires_at + timedelta(days=30)
    assert not access_of(subscription).is_wanted(clock.now())


def test_traffic_and_devices_add_to_limits():
    subscription = make_subscription(traffic_limit=5 * GIB, devices=2)
    give(subscription, traffic=10 * GIB, devices=1)
    access = access_of(subscription)
    assert (access.traffic_limit, access.devices) == (15 * GIB, 3)


def test_unlimited_stays_unlimited():
    subscription = make_subscription(traffic_limit=0, devices=0)
    grant = give(subscription, traffic=10 * GIB, devices=1)
    access = access_of(subscription)
    assert (access.traffic_limit, access.devices, grant.traffic, grant.devices) == (0, 0, 0, 0)


def test_traffic_alone_does_not_wake_what_has_ended():
    subscription = let_pass(make_subscription(traffic_limit=GIB), days=10)
    services.expire_due()
    give(subscription, seconds=0, traffic=GIB)
    assert end_of(subscription) == subscription.expires_at
    assert Subscription.objects.get().state == Subscription.State.EXPIRED


@pytest.mark.parametrize(
    "terms", [{"seconds": -1}, {"seconds": 1, "traffic": -1}, {"seconds": 1, "devices": -1}]
)
def test_grant_cannot_take_away(terms):
    subscription = make_subscription()
    with pytest.raises(ValueError, match="takes nothing away"):
        give(subscription, **terms)


def test_grant_to_nothing_is_refused():
    with pytest.raises(NoSuchSubscription):
        services.give(999_999, source="order:1", seconds=DAY, actor="test")


def test_end_found_by_a_verb_before_the_sweep_is_told_too():
    subscription = let_pass(make_subscription(traffic_limit=GIB), days=8)
    give(subscription, seconds=0, traffic=GIB)
    services.expire_due()
    assert told("subscription_expired") == 1


def test_staff_extend_and_the_customer_is_told_once_per_form():
    subscription = make_subscription()
    form = {"days": 3, "reason": "outage", "form_uuid": uuid.uuid4(), "actor": "olga"}
    for _ in range(2):
        grant = services.extend_by_staff(subscription.pk, **form)
    assert end_of(subscription) == subscription.expires_at + timedelta(days=3)
    assert (grant.actor, grant.reason, told("subscription_extended")) == ("olga", "outage", 1)


@pytest.mark.parametrize(("days", "reason"), [(0, "x"), (-3, "x"), (3661, "x"), (3, "  ")])
def test_staff_cannot_extend_without_days_or_reason(days, reason):
    subscription = make_subscription()
    with pytest.raises(ValueError, match="days|reason"):
        services.extend_by_staff(
            subscription.pk, days=days, reason=reason, form_uuid=uuid.uuid4(), actor="olga"
        )
    assert end_of(subscription) == subscription.expires_at
