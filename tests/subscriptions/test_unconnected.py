"""The first fetch is kept, and whoever paid and never connected is found and asked once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock
from notifications import services as notifications
from notifications.models import OutboxMessage
from subscriptions import services
from subscriptions.models import Grant, Plan, Subscription
from subscriptions.services.terms import terms_of
from tests.factories import make_customer, make_subscription, serve
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db

APP = {"user-agent": "Happ/3.2.1"}


def bought(*, hours: float = 25, **fields: object) -> Subscription:
    """A subscription that was paid for so many hours ago, and works."""
    terms = terms_of(Plan.objects.get(code="month"))
    customer = make_customer()
    subscription = services.start(customer.pk, terms=terms, source=f"order:{customer.pk}", actor="customer")
    serve(subscription)
    then = clock.now() - timedelta(hours=hours)
    Subscription.objects.filter(pk=subscription.pk).update(created_at=then, **fields)
    Grant.objects.filter(subscription=subscription).update(created_at=then)
    subscription.refresh_from_db()
    return subscription


def asked() -> list[int]:
    return list(OutboxMessage.objects.filter(kind="never_connected").values_list("user_id", flat=True))


def test_the_first_fetch_is_written_once(client):
    subscription = bought()
    client.get(f"/s/{subscription.token}", headers=APP)
    subscription.refresh_from_db()
    first = subscription.first_fetched_at
    assert first is not None and (subscription.last_fetched_at, subscription.last_app) == (
        first,
        "Happ/3.2.1",
    )
    client.get(f"/s/{subscription.token}", headers={"user-agent": "v2RayTun/2"})
    subscription.refresh_from_db()
    assert (subscription.first_fetched_at, subscription.last_app) == (first, "Happ/3.2.1")


@pytest.mark.parametrize(
    "headers",
    [{"accept": "text/html"}, {"user-agent": "TelegramBot (like TwitterBot)"}, {"user-agent": "WhatsApp/2"}],
)
def test_looking_is_not_connecting(client, headers):
    subscription = bought()
    client.get(f"/s/{subscription.token}", headers=headers)
    subscription.refresh_from_db()
    assert subscription.first_fetched_at is None


def test_whoever_never_connected_is_asked_once_and_only_they():
    silent = bought()
    bought(hours=23)
    bought(first_fetched_at=clock.now())
    bought(is_disabled=True)
    make_subscription()
    used = bought()
    Access.objects.filter(pk=used.access_id).update(first_used_at=clock.now())
    renewed = bought()
    services.renew(renewed.pk, terms=terms_of(Plan.objects.get(code="month")), source="order:new", actor="x")
    assert list(services.never_connected(clock.now())) == [silent]
    assert services.hint_unconnected() == 1
    assert services.hint_unconnected() == 0
    assert asked() == [silent.user_id]


def test_the_question_offers_help_and_is_dropped_once_they_connect(client):
    subscription = bought()
    services.hint_unconnected()
    message = OutboxMessage.objects.get(kind="never_connected")
    rendered = notifications.render(message)
    assert rendered is not None
    actions = [button.action for row in rendered.buttons for button in row]
    assert actions == ["connect", "help", "menu"]
    client.get(f"/s/{subscription.token}", headers=APP)
    assert notifications.render(message) is None


def test_a_sweep_over_those_who_were_asked_costs_one_query():
    for _number in range(5):
        bought()
    services.hint_unconnected()
    with CaptureQueriesContext(connection) as queries:
        services.hint_unconnected()
    assert sum("clock_timestamp" not in query["sql"] for query in queries) == 1
