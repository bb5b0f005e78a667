"""The free trial: what it gives, and to whom it is refused."""

from datetime import timedelta

import pytest

from accounts.errors import CustomerBanned, NoSuchCustomer
from accounts.models import AuditEvent
from core import clock
from subscriptions import services
from subscriptions.errors import NoTrial, TrialTaken
from subscriptions.models import Grant, Plan, Subscription, TrialUse
from tests.factories import make_customer, make_staff, make_subscription
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db
WEEK = 7 * 86_400


def test_trial_gives_seven_days_with_one_grant_behind_them():
    subscription = services.take_trial(make_customer().pk, actor="customer")
    grant = subscription.grants.get()
    assert (grant.seconds, grant.plan.code, grant.ends_after) == (WEEK, "trial", subscription.expires_at)
    left = (subscription.expires_at - clock.now()).total_seconds()
    assert WEEK - 30 < left <= WEEK


def test_trial_wants_access_on_the_plans_panels_and_will_announce_it():
    access = make_subscription().access
    assert access.is_dirty and access.is_enabled and access.announce
    assert access.until == Subscription.objects.get().expires_at
    assert [group.code for group in access.groups.all()] == ["main"]


def test_trial_copies_the_plans_limits_as_they_are_now():
    Plan.objects.filter(code="trial").update(traffic_limit=5 * 2**30, devices=2)
    access = make_subscription().access
    Plan.objects.filter(code="trial").update(traffic_limit=1, devices=1)
    access.refresh_from_db()
    assert (access.traffic_limit, access.devices) == (5 * 2**30, 2)


def test_trial_leaves_a_line_in_the_trail():
    subscription = make_subscription()
    event = AuditEvent.objects.get(action="trial.taken")
    assert (event.subject, event.actor) == (f"subscription:{subscription.pk}", "customer")


def test_second_trial_gives_nothing_and_names_the_first():
    subscription = make_subscription()
    with pytest.raises(TrialTaken) as refused:
        services.take_trial(subscription.user_id, actor="customer")
    assert refused.value.subscription == subscription
    assert (Subscription.objects.count(), Grant.objects.count(), Access.objects.count()) == (1, 1, 1)


def test_trial_is_remembered_by_identity_even_without_its_subscription():
    customer = make_customer()
    make_subscription(customer)
    TrialUse.objects.update(subscription=None)
    with pytest.raises(TrialTaken) as refused:
        services.take_trial(customer.pk, actor="customer")
    assert refused.value.subscription is None


def test_identity_of_a_trial_is_not_the_telegram_id():
    customer = make_customer()
    make_subscription(customer)
    assert str(customer.telegram_id) not in TrialUse.objects.get().identity_hash


def test_banned_customer_gets_no_trial_and_keeps_it_for_later():
    customer = make_customer()
    services.ban_customer(customer.pk, reason="spam", actor="olga")
    with pytest.raises(CustomerBanned):
        services.take_trial(customer.pk, actor="customer")
    services.unban_customer(customer.pk, actor="olga")
    assert services.take_trial(customer.pk, actor="customer").state == Subscription.State.ACTIVE


def test_no_trial_on_sale_refuses_and_leaves_nothing_behind():
    Plan.objects.filter(code="trial").update(is_open=False)
    with pytest.raises(NoTrial):
        services.take_trial(make_customer().pk, actor="customer")
    assert not TrialUse.objects.exists() and not Access.objects.exists()


def test_staff_without_telegram_have_no_trial():
    with pytest.raises(NoTrial):
        services.take_trial(make_staff().pk, actor="olga")


def test_who_holds_a_subscription_already_gets_no_trial_on_top():
    subscription = make_subscription()
    TrialUse.objects.all().delete()
    with pytest.raises(NoTrial):
        services.take_trial(subscription.user_id, actor="customer")


def test_unknown_customer_is_an_error_of_its_own():
    with pytest.raises(NoSuchCustomer):
        services.take_trial(999_999, actor="customer")


def test_one_day_trial_is_not_reminded_of_its_end_at_once():
    Plan.objects.filter(code="trial").update(days=1)
    subscription = make_subscription()
    assert subscription.expires_at - clock.now() <= timedelta(days=1, seconds=1)
    assert services.remind_due() == 0


def test_cost_of_a_trial_is_pinned(django_assert_max_num_queries):
    customer = make_customer()
    with django_assert_max_num_queries(22):
        services.take_trial(customer.pk, actor="customer")
