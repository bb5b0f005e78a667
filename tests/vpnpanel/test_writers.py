"""Panels that lose changes made at once have one writer at a time, in whatever thread or process."""

import json
import time
from datetime import timedelta

import pytest

from core import claims, clock
from core.models import Lease
from tests.factories import make_customer, make_panel, make_xui_panel
from tests.racing import at_once
from tests.vpnpanel.wanted import account_of, want_access
from vpnpanel import reconciler, writers
from vpnpanel.errors import PanelDown
from vpnpanel.models import Access, Panel
from vpnpanel.services import backlog
from vpnpanel.writers import Writers, sole_writer


@pytest.fixture
def panel(installation, xui_legacy):
    return make_xui_panel(xui_legacy)


@pytest.fixture
def somebody_writes(panel):
    with sole_writer(panel):
        yield


def test_second_writer_waits_until_the_first_is_done(panel):
    first, second = Writers(), Writers()
    assert first.take(panel) and first.take(panel)
    assert not second.take(panel) and second.elsewhere == {panel.pk}
    first.drop()
    assert second.take(panel) and not second.elsewhere
    second.drop()
    assert not Lease.objects.exists()


def test_panel_that_keeps_writers_apart_itself_costs_no_query(panel, marzban, django_assert_num_queries):
    other = make_panel(marzban)
    with django_assert_num_queries(0):
        assert Writers().take(other)


def test_lease_of_a_writer_that_died_runs_out(panel, somebody_writes):
    Lease.objects.update(until=clock.now() - timedelta(seconds=1))
    assert Writers().take(panel)


def test_lease_is_prolonged_while_a_call_is_under_way(panel, monkeypatch):
    monkeypatch.setattr(writers, "KEEP_EVERY_SECONDS", -1)
    mine = Writers()
    mine.take(panel)
    Lease.objects.update(until=clock.now() + timedelta(seconds=1))
    mine.keep()
    assert Lease.objects.get().until > clock.now() + timedelta(seconds=20)


def test_who_cannot_write_says_so(panel, somebody_writes):
    with pytest.raises(PanelDown, match="another process"), sole_writer(panel, wait_seconds=0):
        pass


def test_access_is_left_to_the_sweep_while_somebody_else_writes(panel, xui_legacy, monkeypatch):
    monkeypatch.setattr(reconciler, "WAIT_SECONDS", 0)
    access = want_access()
    with sole_writer(panel):
        assert not reconciler.reconcile_one(access.pk)
        reconciler.reconcile_due()
        access.refresh_from_db()
        assert (access.error, access.attempts, access.claim_token) == ("", 0, None)
        assert not xui_legacy.users()
    assert reconciler.reconcile_due() == 1
    assert account_of(access).links and len(xui_legacy.users()) == 1
    assert not Lease.objects.exists()


def test_other_panels_of_an_access_are_served_meanwhile(panel, marzban, monkeypatch):
    monkeypatch.setattr(reconciler, "WAIT_SECONDS", 0)
    make_panel(marzban)
    access = want_access(panel_count=0)
    with sole_writer(panel):
        reconciler.reconcile_one(access.pk)
        assert [bool(account.links) for account in access.accounts.order_by("panel__kind")] == [True, False]
    reconciler.reconcile_due()
    access.refresh_from_db()
    assert not access.is_dirty and all(account.links for account in access.accounts.all())


def test_sweep_ends_though_an_account_that_is_not_called_failed_before(panel, marzban):
    """One that staff hold looks like work to do, and is none; the other one's panel is busy."""
    held = make_panel(marzban)
    access = want_access(panel_count=0)
    while reconciler.reconcile_due():
        pass
    Panel.objects.filter(pk=held.pk).update(holds_changes=True)
    access.accounts.filter(panel=held).update(error="it failed once")
    backlog.mark_dirty([access.pk])
    with sole_writer(panel):
        assert reconciler.reconcile_due() == 0
    assert reconciler.reconcile_due() == 1


def test_no_customer_is_lost_when_many_are_served_at_once(live_db, installation, xui_legacy):
    make_xui_panel(xui_legacy)
    xui_legacy.set(write_ms=60)
    accesses = [want_access(make_customer()) for _ in range(6)]
    ways = [lambda key=access.pk: reconciler.reconcile_one(key) for access in accesses[:3]]
    at_once(*ways, reconciler.reconcile_due)
    while reconciler.reconcile_due():
        pass
    shown = xui_legacy.users()
    assert sorted(shown) == sorted(f"{account_of(access).name}-i1" for access in accesses)
    # Its core goes on letting in whom the panel has lost, until it starts anew.
    assert all(user["inbounds"] == [1] for user in shown.values())
    added = [json.loads(call["parameters"]["settings"]) for call in xui_legacy.calls("POST */addClient")]
    assert sum(len(each["clients"]) for each in added) == len(accesses)


@pytest.mark.parametrize("by_sweep", [False, True])
def test_claim_outlasts_the_calls_of_a_slow_panel(live_db, installation, xui_legacy, monkeypatch, by_sweep):
    make_xui_panel(xui_legacy)
    access = want_access()
    xui_legacy.set(write_ms=2600)
    monkeypatch.setattr(reconciler, "LEASE_SECONDS", 1.5)
    monkeypatch.setattr(reconciler, "KEEP_EVERY_SECONDS", -1)

    def steal() -> list[Access]:
        time.sleep(2)
        return claims.claim(Access.objects.order_by("pk"), limit=1, lease_seconds=1)

    work = reconciler.reconcile_due if by_sweep else lambda: reconciler.reconcile_one(access.pk)
    assert at_once(work, steal) == [1, []]
    access.refresh_from_db()
    assert not access.is_dirty and account_of(access).links
