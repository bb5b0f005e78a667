"""Access ends on time, and its customer knows before and after."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from core import clock
from notifications.models import OutboxMessage
from subscriptions import services, tasks
from subscriptions.models import Subscription
from subscriptions.services import expiry
from tests.factories import let_pass, make_subscription
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db


def told(kind: str) -> int:
    return OutboxMessage.objects.filter(kind=kind).count()


def give(subscription, *, days: float, source: str = "order:1"):
    return services.give(subscription.pk, source=source, seconds=int(days * 86_400), actor="test")


def test_what_has_ended_is_cut_off_told_and_noted():
    subscription = let_pass(make_subscription(), days=7, seconds=1)
    Access.objects.update(is_dirty=False)
    assert services.expire_due() == 1
    access, subscription = Access.objects.get(), Subscription.objects.get()
    assert (subscription.state, access.is_dirty, access.is_wanted(clock.now())) == ("expired", True, False)
    assert told("subscription_expired") == 1
    assert AuditEvent.objects.filter(action="subscription.expired", subject=subscription.subject).count() == 1


def test_what_has_not_ended_goes_on():
    let_pass(make_subscription(), days=6.9)
    assert services.expire_due() == 0
    assert Subscription.objects.get().state == Subscription.State.ACTIVE


@pytest.mark.skipif(connection.vendor == "postgresql", reason="its clock cannot be moved")
def test_access_ends_at_its_second_and_not_before():
    with time_machine.travel(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC), tick=False) as time:
        make_subscription()
        time.shift(timedelta(days=7, seconds=-1))
        assert services.expire_due() == 0
        time.shift(timedelta(seconds=1))
        assert services.expire_due() == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no clock of its own")
def test_process_with_a_wrong_clock_cuts_nobody_off():
    make_subscription()
    with time_machine.travel(clock.now() + timedelta(days=30)):
        assert services.expire_due() == 0


def test_second_sweep_finds_nothing_and_tells_nothing():
    let_pass(make_subscription(), days=8)
    services.expire_due()
    generation = Access.objects.get().generation
    assert services.expire_due() == 0
    assert Access.objects.get().generation == generation
    assert told("subscription_expired") == 1


def test_each_end_is_told_once():
    subscription = let_pass(make_subscription(), days=8)
    services.expire_due()
    give(subscription, days=3)
    let_pass(subscription, days=5)
    services.expire_due()
    assert told("subscription_expired") == 2


def test_customer_extended_before_the_sweep_came_is_not_cut_off():
    subscription = let_pass(make_subscription(), days=8)
    give(subscription, days=3)
    assert services.expire_due() == 0


@pytest.mark.parametrize("hold", ["disable", "ban"])
def test_held_back_subscription_ends_in_silence(hold):
    subscription = make_subscription()
    if hold == "disable":
        services.disable(subscription.pk, reason="fraud", actor="olga")
    else:
        services.ban_customer(subscription.user_id, reason="fraud", actor="olga")
    let_pass(subscription, days=8)
    assert services.expire_due() == 1
    assert told("subscription_expired") == 0


def test_sweep_works_through_more_than_one_batch(monkeypatch):
    monkeypatch.setattr(expiry, "BATCH", 3)
    for _ in range(7):
        let_pass(make_subscription(), days=8)
    assert services.expire_due() == 7
    assert not Subscription.objects.filter(state=Subscription.State.ACTIVE).exists()


def test_broken_row_does_not_stop_the_others(caplog):
    broken, sound = let_pass(make_subscription(), days=9), let_pass(make_subscription(), days=8)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE subscriptions_subscription SET token = 'unreadable' WHERE id = %s", [broken.pk]
        )
    assert services.expire_due() == 1
    sound.refresh_from_db()
    assert sound.state == Subscription.State.EXPIRED
    assert f"subscription {broken.pk} could not be settled" in caplog.text


def test_reminder_comes_within_the_last_day_once():
    subscription = let_pass(make_subscription(), days=6, seconds=1)
    assert (services.remind_due(), services.remind_due()) == (1, 0)
    message = OutboxMessage.objects.get(kind="subscription_ending")
    assert message.context == {
        "subscription_id": subscription.pk,
        "ends": subscription.expires_at.isoformat(),
    }


@pytest.mark.parametrize("days", [5.9, 7.1])
def test_no_reminder_earlier_or_after_the_end(days):
    let_pass(make_subscription(), days=days)
    assert services.remind_due() == 0


def test_each_end_is_reminded_of():
    subscription = let_pass(make_subscription(), days=6.5)
    services.remind_due()
    give(subscription, days=3)
    let_pass(subscription, days=3.1)
    assert services.remind_due() == 1
    assert told("subscription_ending") == 2


def test_short_grant_is_not_reminded_of_at_once():
    subscription = let_pass(make_subscription(), days=8)
    give(subscription, days=0.5)
    assert services.remind_due() == 0


@pytest.mark.parametrize("hold", ["disable", "ban"])
def test_held_back_subscription_is_not_reminded_of(hold):
    subscription = let_pass(make_subscription(), days=6.5)
    if hold == "disable":
        services.disable(subscription.pk, reason="fraud", actor="olga")
    else:
        services.ban_customer(subscription.user_id, reason="fraud", actor="olga")
    assert services.remind_due() == 0


def test_scheduled_task_expires_and_reminds():
    let_pass(make_subscription(), days=8)
    let_pass(make_subscription(), days=6.5)
    assert tasks.expire_due() == 1
    assert (told("subscription_expired"), told("subscription_ending")) == (1, 1)


def test_idle_sweep_costs_one_query_each(django_assert_num_queries):
    make_subscription()
    clock_reading = 1 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(2 + 2 * clock_reading):
        services.expire_due()
        services.remind_due()


def test_each_end_costs_the_same_few_queries():
    def cost(number: int) -> int:
        for _ in range(number):
            let_pass(make_subscription(), days=8)
        with CaptureQueriesContext(connection) as queries:
            services.expire_due()
        return len(queries)

    ten, twenty = cost(10), cost(20)
    assert twenty - ten <= 10 * 9
