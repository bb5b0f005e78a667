"""How things stand for a customer, as every screen shows it."""

from datetime import timedelta

import pytest
from django.utils import translation

from core.clock import DAY
from subscriptions import services, status
from subscriptions.models import Plan, TrialUse
from subscriptions.status import CustomerStatus, State
from tests.factories import KEY, let_pass, make_customer, make_staff, make_subscription, serve
from vpnpanel import services as vpnpanel
from vpnpanel.models import PanelAccount

pytestmark = pytest.mark.django_db


def of(subscription) -> CustomerStatus:
    subscription.user.refresh_from_db()
    return status.of(subscription.user)


def test_newcomer_has_nothing_but_a_trial():
    assert status.of(make_customer()) == CustomerStatus(state=State.NONE, has_trial_left=True)


@pytest.mark.parametrize("why", ["none on sale", "used before", "banned", "staff"])
def test_no_trial_is_offered_where_none_would_be_given(why):
    customer = make_staff() if why == "staff" else make_customer()
    if why == "none on sale":
        Plan.objects.filter(is_trial=True).update(is_open=False)
    elif why == "used before":
        TrialUse.objects.create(identity_hash=services.trials.identity_hash(customer))
    elif why == "banned":
        services.ban_customer(customer.pk, reason="spam", actor="olga")
        customer.refresh_from_db()
    assert not status.of(customer).has_trial_left


def test_trial_is_pending_until_a_panel_serves_it():
    subscription = make_subscription()
    assert (of(subscription).state, of(subscription).is_ready) == (State.PENDING, False)
    serve(subscription)
    assert (of(subscription).state, of(subscription).is_ready) == (State.ACTIVE, True)


@pytest.mark.parametrize("placement", ["joining", "leaving", "gone"])
def test_account_that_does_not_serve_gives_nothing(placement):
    subscription = make_subscription()
    serve(subscription, placement=placement)
    assert of(subscription).state == State.PENDING


def test_account_without_links_gives_nothing():
    subscription = make_subscription()
    serve(subscription, links=())
    assert of(subscription).state == State.PENDING


def test_link_that_works_keeps_working_while_a_change_is_under_way():
    subscription = make_subscription()
    serve(subscription)
    services.give(subscription.pk, source="order:1", seconds=86_400, actor="test")
    assert of(subscription).state == State.ACTIVE


def test_link_that_was_off_is_not_promised_before_the_panel_has_it():
    subscription = make_subscription()
    account = serve(subscription, observed_status="disabled")
    vpnpanel.change_access(subscription.access_id, is_enabled=True)
    assert of(subscription).state == State.PENDING
    PanelAccount.objects.filter(pk=account.pk).update(observed_status="active")
    assert of(subscription).state == State.ACTIVE


def test_flags_and_time_outrank_a_working_panel():
    subscription = make_subscription()
    serve(subscription)
    let_pass(subscription, days=8)
    assert of(subscription).state == State.EXPIRED
    services.disable(subscription.pk, reason="fraud", actor="olga")
    assert of(subscription).state == State.DISABLED
    services.ban_customer(subscription.user_id, reason="fraud", actor="olga")
    assert of(subscription).state == State.BANNED


def test_used_up_traffic_is_a_state_of_its_own():
    subscription = make_subscription(traffic_limit=1000)
    serve(subscription, used_bytes=600)
    assert of(subscription).state == State.ACTIVE
    serve(subscription, placement="gone", used_bytes=400)
    assert (of(subscription).state, of(subscription).period_used) == (State.EXHAUSTED, 1000)


def test_status_carries_what_screens_show():
    subscription = make_subscription(traffic_limit=1000, devices=3)
    serve(subscription, used_bytes=10)
    found = of(subscription)
    assert (found.subscription_id, found.link, found.expires_at) == (
        subscription.pk,
        subscription.link,
        subscription.expires_at,
    )
    assert (found.period_limit, found.devices, found.period_used, found.days_left) == (1000, 3, 10, 7)


def test_plan_is_named_in_the_customers_language():
    found = status.of(make_subscription(make_customer(language="ru")).user)
    assert found.plan_name == "Пробный, 7 дней"


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(0), 0),
        (timedelta(seconds=1), 1),
        (DAY, 1),
        (DAY + timedelta(seconds=59), 1),
        (DAY + timedelta(minutes=2), 2),
        (7 * DAY - timedelta(seconds=1), 7),
        (7 * DAY, 7),
    ],
)
def test_days_left_are_rounded_up(left, days):
    assert CustomerStatus(state=State.ACTIVE, time_left=left).days_left == days


def test_time_left_is_said_in_words():
    def said(**left: float) -> str:
        return CustomerStatus(state=State.ACTIVE, time_left=timedelta(**left)).time_left_text

    with translation.override("en"):
        assert [said(hours=3), said(days=1), said(days=1, hours=1)] == ["less than a day", "1 day", "2 days"]


def test_subscription_that_ends_last_counts():
    customer = make_customer()
    first = make_subscription(customer)
    access = vpnpanel.open_access(customer, until=first.expires_at, traffic_limit=0, devices=0, groups=[])
    second = type(first).objects.create(
        user=customer,
        plan=first.plan,
        access=access,
        expires_at=first.expires_at + DAY,
        token="x",
        token_hash="x",
    )
    assert status.of(customer).subscription_id == second.pk


@pytest.mark.parametrize("accounts", [10, 20])
def test_status_takes_two_queries_however_many_accounts(accounts, django_assert_num_queries):
    subscription = make_subscription()
    for number in range(accounts):
        serve(subscription, links=(f"{KEY}{number}",))
    with django_assert_num_queries(2):
        assert status.of(subscription.user).is_ready


def test_status_of_a_newcomer_takes_two_queries(django_assert_num_queries):
    customer = make_customer()
    with django_assert_num_queries(2):
        status.of(customer)
