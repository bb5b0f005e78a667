"""Customers of a shop that knew no periods of traffic: they are not told of what they used up before."""

from dataclasses import replace
from importlib import import_module

import pytest
from django.apps import apps

from notifications.models import OutboxMessage
from subscriptions import services, tasks
from subscriptions.models import Plan, Subscription
from tests.factories import make_customer, serve

pytestmark = pytest.mark.django_db
GIB = 2**30


@pytest.mark.parametrize("is_upgraded", [True, False])
def test_traffic_counts_from_the_newest_purchase(is_upgraded):
    terms = replace(services.terms_of(Plan.objects.get(code="month")), traffic_limit=100 * GIB)
    subscription = services.start(make_customer().pk, terms=terms, source="order:1", actor="shop")
    account = serve(subscription, used_bytes=95 * GIB)
    services.renew(subscription.pk, terms=terms, source="order:2", actor="shop")
    services.give(subscription.pk, source="gift:1", seconds=0, traffic=GIB, actor="olga")
    Subscription.objects.update(allowance_from=0, allowance_at=None, allowance_grant=None)
    if is_upgraded:
        import_module("subscriptions.migrations.0013_periods").begin_periods(apps, None)
    account.used_bytes = 166 * GIB
    account.save()
    tasks.follow_traffic()
    told = OutboxMessage.objects.filter(kind="traffic_80").exists()
    begun = Subscription.objects.get().allowance_from
    assert (told, begun) == ((False, 95 * GIB) if is_upgraded else (True, 0))


def test_limit_that_staff_set_before_can_be_lifted():
    terms = replace(services.terms_of(Plan.objects.get(code="month")), traffic_limit=100 * GIB)
    subscription = services.start(make_customer().pk, terms=terms, source="order:1", actor="shop")
    services.change_limit(subscription.pk, limit=GIB, reason="abuse", actor="olga")
    Subscription.objects.update(plans_limit=0)
    import_module("subscriptions.migrations.0014_plans_beside_own_limit").fill_in(apps, None)
    services.change_limit(subscription.pk, limit=None, reason="no abuse", actor="olga")
    assert Subscription.objects.get().access.traffic_limit == 100 * GIB
