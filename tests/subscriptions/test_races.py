"""Two at once: on PostgreSQL the customer's row decides, on SQLite the one writer's lock."""

from collections.abc import Callable

import pytest

from core import clock
from subscriptions import services
from subscriptions.errors import TrialTaken
from subscriptions.models import Grant, Plan, Subscription, TakeBack, TrialUse
from tests.factories import let_pass, make_customer, make_subscription
from tests.racing import at_once
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db(transaction=True)


def give(subscription, *, source: str) -> Callable[[], Grant]:
    return lambda: services.give(subscription.pk, source=source, seconds=86_400, actor="test")


def days_added(subscription) -> float:
    return (Subscription.objects.get(pk=subscription.pk).expires_at - subscription.expires_at).days


@pytest.mark.parametrize("hurry", range(5))
def test_trial_taken_by_four_taps_at_once_is_one(hurry):
    customer = make_customer()
    results = at_once(*[lambda: services.take_trial(customer.pk, actor="customer")] * 4)
    assert sorted(type(result).__name__ for result in results) == ["Subscription"] + ["TrialTaken"] * 3
    taken = next(result for result in results if isinstance(result, Subscription))
    assert all(result.subscription == taken for result in results if isinstance(result, TrialTaken))
    assert (Grant.objects.count(), TrialUse.objects.count(), Access.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("hurry", range(3))
def test_same_source_given_at_once_counts_once(hurry):
    subscription = make_subscription()
    results = at_once(*[give(subscription, source="order:1")] * 4)
    assert len(set(results)) == 1
    assert days_added(subscription) == 1


def test_different_sources_given_at_once_all_count():
    subscription = make_subscription()
    at_once(*[give(subscription, source=f"order:{number}") for number in range(4)])
    assert days_added(subscription) == 4
    assert sorted(subscription.grants.values_list("place", flat=True)) == [1, 2, 3, 4, 5]


def test_source_given_to_two_subscriptions_at_once_goes_to_one():
    both = [make_subscription(), make_subscription()]
    at_once(*[give(subscription, source="order:1") for subscription in both])
    assert sorted(days_added(subscription) for subscription in both) == [0, 1]


def take(by: str, seconds: int | None = None) -> Callable[[], TakeBack]:
    return lambda: services.take_back(source="order:0", by=by, seconds=seconds, actor="olga", reason="refund")


def test_same_refund_at_once_takes_back_once():
    subscription = make_subscription()
    for number in range(2):
        give(subscription, source=f"order:{number}")()
    results = at_once(*[take("refund:1")] * 3)
    assert len(set(results)) == 1
    assert days_added(subscription) == 1


def test_different_refunds_at_once_take_no_more_than_there_is():
    subscription = make_subscription()
    give(subscription, source="order:0")()
    at_once(*[take(f"refund:{number}", seconds=30_000) for number in range(4)])
    assert Subscription.objects.get().expires_at == subscription.expires_at
    assert sorted(TakeBack.objects.values_list("seconds", flat=True)) == [0, 26_400, 30_000, 30_000]


def test_failed_refund_told_by_two_at_once_gives_back_once():
    subscription = make_subscription()
    give(subscription, source="order:0")()
    take("refund:1")()
    at_once(*[lambda: services.give_back(by="refund:1", actor="olga", reason="failed")] * 3)
    assert days_added(subscription) == 1


def buy(customer, *, source: str) -> Callable[[], Subscription]:
    terms = services.terms_of(Plan.objects.get(code="month"))
    return lambda: services.start(customer.pk, terms=terms, source=source, actor="test")


@pytest.mark.parametrize("hurry", range(3))
def test_two_first_purchases_at_once_make_one_subscription(hurry):
    customer = make_customer()
    results = at_once(*[buy(customer, source=f"order:{number % 2}") for number in range(4)])
    assert len({result.pk for result in results}) == 1
    subscription = Subscription.objects.get()
    assert (subscription.grants.count(), Access.objects.count()) == (2, 1)
    assert (subscription.expires_at - clock.now()).days == 59


def test_purchase_and_ban_at_once_leave_the_customer_shut_out():
    customer = make_customer()
    at_once(
        lambda: services.ban_customer(customer.pk, reason="spam", actor="olga"),
        buy(customer, source="order:1"),
    )
    assert not Access.objects.get().is_enabled


def test_two_sweeps_at_once_expire_each_customer_once():
    for _ in range(6):
        let_pass(make_subscription(), days=8)
    assert sum(at_once(services.expire_due, services.expire_due)) == 6
    assert set(Access.objects.values_list("generation", flat=True)) == {2}


def test_renewal_and_expiry_at_once_leave_the_customer_served():
    subscription = let_pass(make_subscription(), days=8)
    at_once(services.expire_due, give(subscription, source="order:1"))
    subscription.refresh_from_db()
    access = Access.objects.get()
    assert subscription.state == Subscription.State.ACTIVE
    assert access.until == subscription.expires_at


def test_ban_and_renewal_at_once_leave_the_customer_shut_out():
    subscription = make_subscription()
    at_once(
        lambda: services.ban_customer(subscription.user_id, reason="spam", actor="olga"),
        give(subscription, source="order:1"),
    )
    assert not Access.objects.get().is_enabled
    assert days_added(subscription) == 1
