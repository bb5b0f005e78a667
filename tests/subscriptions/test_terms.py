"""Buying: the first purchase, renewals on the same or other terms, and terms that a refund puts back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.errors import NoSuchCustomer
from accounts.models import AuditEvent
from core import clock
from notifications.models import OutboxMessage
from subscriptions import services
from subscriptions.errors import NoSuchSubscription, SourceTaken, TooFarAhead
from subscriptions.models import Grant, Plan, Subscription
from subscriptions.services import Terms
from tests.factories import let_pass, make_customer, make_subscription, serve
from vpnpanel.models import Access, PanelGroup

pytestmark = pytest.mark.django_db
DAY = 86_400
GIB = 2**30


def terms(code: str = "month", **other) -> Terms:
    return replace(services.terms_of(Plan.objects.get(code=code)), **other)


def renew(subscription, bought: Terms | None = None, source="order:1") -> Grant:
    return services.renew(subscription.pk, terms=bought or terms(), source=source, actor="shop")


def start(customer, bought: Terms | None = None, source="order:1") -> Subscription:
    return services.start(customer.pk, terms=bought or terms(), source=source, actor="shop")


def take(source: str, by: str = "refund:1", seconds: int | None = None):
    return services.take_back(source=source, by=by, seconds=seconds, actor="olga", reason="refund")


def now_of(subscription) -> tuple[str, int, int]:
    """Return the plan, the traffic limit and the devices as they stand."""
    row = Subscription.objects.select_related("plan", "access").get(pk=subscription.pk)
    return row.plan.code, row.access.traffic_limit, row.access.devices


def groups_of(subscription) -> list[str]:
    return list(subscription.access.groups.values_list("code", flat=True))


def days_left(subscription) -> float:
    subscription.refresh_from_db()
    return round((subscription.expires_at - clock.now()).total_seconds() / DAY, 2)


def test_first_purchase_opens_a_subscription_and_announces_it():
    subscription = start(make_customer(), terms(traffic_limit=GIB, devices=3))
    assert (days_left(subscription), now_of(subscription)) == (30, ("month", GIB, 3))
    assert subscription.access.is_wanted(clock.now()) and subscription.access.announce
    assert subscription.grants.get().source == "order:1"


def test_first_purchase_of_one_source_counts_once():
    customer = make_customer()
    assert start(customer) == start(customer)
    assert (Subscription.objects.count(), Grant.objects.count()) == (1, 1)


@pytest.mark.parametrize("days_ago", [-3, 10])
def test_first_purchase_of_a_holder_renews_what_they_hold(days_ago):
    subscription = let_pass(make_subscription(), days=7 + days_ago)
    services.expire_due()
    assert start(subscription.user) == subscription
    assert days_left(subscription) == 30 + max(-days_ago, 0)
    assert now_of(subscription)[0] == "month"


def test_source_that_paid_for_somebody_else_starts_nothing():
    start(make_customer())
    other = make_customer()
    with pytest.raises(SourceTaken):
        start(other)
    assert not other.subscriptions.exists()


def test_banned_customer_gets_the_time_and_access_after_the_ban():
    customer = make_customer()
    services.ban_customer(customer.pk, reason="spam", actor="olga")
    subscription = start(customer)
    assert days_left(subscription) == 30 and not subscription.access.is_wanted(clock.now())
    services.unban_customer(customer.pk, actor="olga")
    assert Access.objects.get().is_wanted(clock.now())


def test_purchase_of_nobody_is_an_error_of_its_own():
    with pytest.raises(NoSuchCustomer):
        services.start(999_999, terms=terms(), source="order:1", actor="shop")


def test_renewal_adds_to_the_end_and_replaces_the_plan():
    subscription = make_subscription()
    grant = renew(subscription)
    assert (grant.ends_before, grant.ends_after - grant.ends_before) == (
        subscription.expires_at,
        timedelta(days=30),
    )
    assert (days_left(subscription), now_of(subscription)) == (37, ("month", 0, 0))
    assert Access.objects.get().until == grant.ends_after


def test_renewal_after_the_end_starts_now_and_is_announced():
    subscription = let_pass(make_subscription(), days=10)
    services.expire_due()
    Access.objects.update(announce=False)
    renew(subscription)
    assert days_left(subscription) == 30
    assert subscription.state == Subscription.State.ACTIVE and Access.objects.get().announce


def test_renewal_of_running_access_is_not_announced_as_a_new_key():
    subscription = make_subscription(announce=False)
    renew(subscription)
    assert not Access.objects.get().announce


def test_same_order_renews_once():
    subscription = make_subscription()
    assert renew(subscription) == renew(subscription, terms("year"))
    assert days_left(subscription) == 37


def test_order_of_another_subscription_renews_nothing():
    renew(make_subscription())
    with pytest.raises(SourceTaken):
        renew(make_subscription())


def test_renewal_of_nothing_is_an_error():
    with pytest.raises(NoSuchSubscription):
        services.renew(999_999, terms=terms(), source="order:1", actor="shop")


@pytest.mark.parametrize("hold", ["disabled", "banned"])
def test_held_back_subscription_gets_its_time_but_no_access(hold):
    subscription = make_subscription()
    if hold == "disabled":
        services.disable(subscription.pk, reason="fraud", actor="olga")
    else:
        services.ban_customer(subscription.user_id, reason="fraud", actor="olga")
    renew(subscription)
    assert days_left(subscription) == 37
    assert not Access.objects.get().is_wanted(clock.now())


def test_end_more_than_ten_years_away_is_refused_and_gives_nothing():
    subscription = make_subscription()
    with pytest.raises(TooFarAhead):
        renew(subscription, terms(days=3660))
    assert days_left(subscription) == 7
    assert start(make_customer(), terms(days=3660)).grants.count() == 1


@pytest.mark.parametrize(
    ("limit", "used", "bought", "expected"),
    [
        (0, 0, 0, 0),
        (10, 4, 0, 0),
        (10, 4, 20, 30),
        (10, 14, 20, 34),
        (0, 7, 20, 27),
    ],
    ids=["none stays none", "to none", "what is left stays", "overdrawn starts anew", "from none"],
)
def test_traffic_that_was_bought_is_never_lost(limit, used, bought, expected):
    subscription = make_subscription(traffic_limit=limit * GIB)
    serve(subscription, used_bytes=used * GIB)
    renew(subscription, terms(traffic_limit=bought * GIB))
    assert now_of(subscription)[1] == expected * GIB


def test_traffic_bought_before_unlimited_days_is_there_after_them():
    subscription = make_subscription(traffic_limit=10 * GIB)
    account = serve(subscription, used_bytes=4 * GIB)
    renew(subscription, terms())
    account.used_bytes = 50 * GIB
    account.save()
    renew(subscription, terms("quarter"), source="order:2")
    renew(subscription, terms(traffic_limit=20 * GIB), source="order:3")
    assert now_of(subscription)[1] == (50 + 6 + 20) * GIB


def test_renewal_of_used_up_traffic_is_announced_because_access_comes_back():
    subscription = make_subscription(traffic_limit=GIB, announce=False)
    serve(subscription, used_bytes=GIB)
    renew(subscription, terms(traffic_limit=GIB))
    assert Access.objects.get().announce


@pytest.mark.parametrize(("bought", "expected"), [(3, 5), (1, 3), (0, 0)])
def test_devices_that_staff_added_stay_on_top(bought, expected):
    subscription = start(make_customer(), terms(devices=2))
    services.give(subscription.pk, source="staff:1", seconds=0, devices=2, actor="olga")
    renew(subscription, terms(devices=bought), source="order:2")
    assert now_of(subscription)[2] == expected


def test_groups_become_those_that_were_bought():
    best = PanelGroup.objects.create(code="best", name="Best")
    subscription = make_subscription()
    renew(subscription, terms(group_ids=(best.pk,)))
    assert groups_of(subscription) == ["best"]


def test_groups_that_staff_deleted_are_replaced_by_the_plans():
    subscription = make_subscription()
    renew(subscription, terms(group_ids=(999_999,)))
    assert groups_of(subscription) == ["main"]


def test_full_refund_of_the_newest_terms_puts_those_before_back():
    best = PanelGroup.objects.create(code="best", name="Best")
    subscription = start(make_customer(), terms(traffic_limit=GIB, devices=2))
    renew(subscription, terms("year", devices=5, group_ids=(best.pk,)), source="order:2")
    assert now_of(subscription) == ("year", 0, 5)
    take("order:2")
    assert (now_of(subscription), groups_of(subscription)) == (("month", GIB, 2), ["main"])
    assert days_left(subscription) == 30


def test_refund_that_failed_puts_the_terms_in_force_again():
    subscription = start(make_customer(), terms(traffic_limit=GIB, devices=2))
    renew(subscription, terms("year", devices=5, traffic_limit=9 * GIB), source="order:2")
    take("order:2")
    services.give_back(by="refund:1", actor="olga", reason="refund failed")
    assert now_of(subscription) == ("year", 10 * GIB, 5)
    assert days_left(subscription) == 395


def test_partial_refund_leaves_the_terms():
    subscription = make_subscription()
    renew(subscription, terms("year", devices=5))
    take("order:1", seconds=100 * DAY)
    assert (now_of(subscription)[::2], days_left(subscription)) == (("year", 5), 272)


def test_refund_of_older_terms_leaves_the_newest_and_is_skipped_later():
    subscription = make_subscription()
    renew(subscription, terms("month", devices=2), source="order:1")
    renew(subscription, terms("year", devices=5), source="order:2")
    take("order:1", by="refund:1")
    assert now_of(subscription)[::2] == ("year", 5)
    take("order:2", by="refund:2")
    assert (now_of(subscription)[0], days_left(subscription)) == ("trial", 7)


def test_newer_purchase_keeps_its_terms_when_an_older_refund_fails():
    subscription = make_subscription()
    renew(subscription, terms("month", devices=2), source="order:1")
    take("order:1")
    renew(subscription, terms("year", devices=5), source="order:2")
    services.give_back(by="refund:1", actor="olga", reason="refund failed")
    assert (now_of(subscription)[::2], days_left(subscription)) == (("year", 5), 402)


def test_full_refund_of_the_only_purchase_ends_access_at_once():
    subscription = start(make_customer())
    take("order:1")
    subscription.refresh_from_db()
    assert subscription.state == Subscription.State.EXPIRED
    assert not Access.objects.get().is_wanted(clock.now())


def test_trail_says_what_was_bought():
    subscription = start(make_customer())
    renew(subscription, terms("year"), source="order:2")
    events = AuditEvent.objects.filter(subject=subscription.subject).order_by("id")
    assert [(event.action, event.data["plan"], event.data["source"]) for event in events] == [
        ("subscription.started", "month", "order:1"),
        ("subscription.renewed", "year", "order:2"),
    ]


def test_one_day_bought_is_not_followed_by_a_reminder():
    start(make_customer(), terms(days=1))
    assert services.remind_due() == 0
    assert not OutboxMessage.objects.exists()


def test_cost_of_buying_is_pinned(django_assert_max_num_queries):
    customer, bought = make_customer(), terms(traffic_limit=GIB, devices=2)
    with django_assert_max_num_queries(22):
        subscription = start(customer, bought)
    services.give(subscription.pk, source="staff:1", seconds=0, devices=2, actor="olga")
    with django_assert_max_num_queries(22):
        renew(subscription, bought, source="order:2")
