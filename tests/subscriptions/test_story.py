"""From the tap to the panel and back to the app, with a panel that really serves."""

import base64
from urllib.parse import urlsplit

import pytest

from notifications import services as notifications
from notifications.models import OutboxMessage
from subscriptions import services, status
from tests.factories import let_pass, make_customer, make_panel
from vpnpanel.models import PanelAccount
from vpnpanel.tasks import probe_panels, reconcile_due

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]


@pytest.fixture
def subscription(marzban):
    make_panel(marzban)
    return services.take_trial(make_customer().pk, actor="customer")


def links(client, subscription) -> list[str]:
    return base64.b64decode(client.get(f"/s/{subscription.token}").content).decode().splitlines()


def keys(client, subscription) -> set[str]:
    """Return the secrets in the links: what stands around them the panel draws anew each time it is asked."""
    return {urlsplit(link).username for link in links(client, subscription)}


def let_in(marzban) -> bool:
    """Tell whether the panel's core would let the customer through now."""
    return next(iter(marzban.users().values()))["can_connect"]


def state(subscription) -> status.State:
    subscription.user.refresh_from_db()
    return status.of(subscription.user).state


def test_trial_becomes_a_key_the_panel_serves(client, marzban, subscription):
    assert (marzban.users(), state(subscription)) == ({}, "pending")
    reconcile_due()
    account = next(iter(marzban.users().values()))
    assert account["can_connect"] and state(subscription) == "active"
    assert links(client, subscription) == PanelAccount.objects.get().links
    assert keys(client, subscription) == {urlsplit(link).username for link in account["links"]}


def test_customer_is_told_of_the_key_once_it_works(subscription):
    assert not OutboxMessage.objects.filter(kind="access_ready").exists()
    reconcile_due()
    message = notifications.render(OutboxMessage.objects.get(kind="access_ready"))
    assert subscription.link in message.text and message.photo


def test_end_closes_the_panel_and_renewal_opens_it_with_the_same_key(client, marzban, subscription):
    reconcile_due()
    before = keys(client, subscription)
    let_pass(subscription, days=8)
    services.expire_due()
    reconcile_due()
    assert not let_in(marzban) and keys(client, subscription) != before
    services.give(subscription.pk, source="order:1", seconds=30 * 86_400, actor="test")
    reconcile_due()
    assert let_in(marzban) and keys(client, subscription) == before
    assert OutboxMessage.objects.filter(kind="access_ready").count() == 2


def test_ban_closes_the_panel_and_lifting_it_opens_it(client, marzban, subscription):
    reconcile_due()
    before = keys(client, subscription)
    services.ban_customer(subscription.user_id, reason="spam", actor="olga")
    reconcile_due()
    assert not let_in(marzban) and state(subscription) == "banned"
    services.unban_customer(subscription.user_id, actor="olga")
    assert state(subscription) == "pending"
    reconcile_due()
    assert let_in(marzban) and keys(client, subscription) == before


def test_panel_that_is_down_delays_the_key_and_loses_nothing(marzban, subscription):
    marzban.outage(down=True)
    reconcile_due()
    assert state(subscription) == "pending"
    grant = services.give(subscription.pk, source="order:1", seconds=86_400, actor="test")
    marzban.outage(down=False)
    probe_panels()
    account = next(iter(marzban.users().values()))
    assert account["expire"] == int(grant.ends_after.timestamp())
    assert state(subscription) == "active"
