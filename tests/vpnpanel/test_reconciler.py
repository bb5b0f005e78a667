from datetime import timedelta

from django.db import transaction

from core import clock
from notifications.models import OutboxMessage
from tests.factories import make_customer
from vpnpanel import outages, reconciler, services
from vpnpanel.models import Access, PanelAccount, PanelGroup


def want_access(customer=None, *, days: int = 7, **terms) -> Access:
    with transaction.atomic():
        return services.open_access(
            customer or make_customer(),
            until=clock.now() + timedelta(days=days),
            traffic_limit=terms.pop("traffic_limit", 0),
            devices=0,
            groups=PanelGroup.objects.filter(code="main"),
            **terms,
        )


def test_access_becomes_an_account_with_links_and_the_customer_is_told(panel, marzban):
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    account = access.accounts.get()
    user = marzban.users()[account.name]
    assert user["status"] == "active" and user["expire"] == int(access.until.timestamp())
    assert account.placement == "serving" and account.links
    assert OutboxMessage.objects.get().kind == "access_ready"


def test_sweep_works_off_everything_that_is_due(panel, marzban):
    accesses = [want_access() for _ in range(3)]
    assert reconciler.reconcile_due() == 3
    assert not Access.objects.filter(is_dirty=True).exists()
    assert len(marzban.users()) == len(accesses)


def test_panel_down_for_an_hour_and_back_serves_everybody(panel, marzban):
    marzban.outage(True)
    first, _ = want_access(), want_access()
    assert not reconciler.reconcile_one(first.pk)
    panel.refresh_from_db()
    assert not panel.is_up and panel.error
    reconciler.reconcile_due()
    assert outages.probe() == []
    marzban.outage(False)
    assert outages.probe() == [panel]
    assert reconciler.reconcile_due() == 2
    assert PanelAccount.objects.filter(placement="serving").count() == 2
