"""Where accesses live: load, capacity, groups, and accounts that are no longer due."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction

from core import clock
from core.models import RetentionRule
from tests.factories import make_customer, make_panel
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import reconciler, services, tasks
from vpnpanel.choosing import FIRST_KEY_TRIES
from vpnpanel.models import Access, Panel, PanelAccount, PanelGroup


def test_customers_spread_over_panels(panel, second_panel):
    for _ in range(6):
        want_access()
    reconciler.reconcile_due()
    assert list(Panel.objects.values_list("load", flat=True)) == [3, 3]


def test_full_panel_takes_nobody(panel, second_panel):
    Panel.objects.filter(pk=panel.pk).update(capacity=1)
    for _ in range(4):
        want_access()
    reconciler.reconcile_due()
    assert [panel.accounts.count(), second_panel.accounts.count()] == [1, 3]


def test_place_is_free_again_when_a_customer_leaves(panel):
    Panel.objects.update(capacity=1)
    first = want_access()
    reconciler.reconcile_due()
    second = want_access()
    assert not reconciler.reconcile_one(second.pk)
    change(first, is_gone=True)
    reconciler.reconcile_one(first.pk)
    assert reconciler.reconcile_one(second.pk)
    assert Panel.objects.get().load == 1


def test_only_panels_of_the_groups_are_used(panel, second_panel):
    best = PanelGroup.objects.create(code="best", name="Best")
    second_panel.groups.set([best])
    with transaction.atomic():
        access = services.open_access(
            make_customer(), until=clock.now() + timedelta(days=1), traffic_limit=0, devices=0, groups=[best]
        )
    reconciler.reconcile_due()
    assert account_of(access).panel == second_panel


def test_panel_in_several_groups_counts_once(panel):
    panel.groups.add(PanelGroup.objects.create(code="best", name="Best"))
    access = want_access()
    access.groups.set(PanelGroup.objects.all())
    reconciler.reconcile_due()
    assert Panel.objects.get().load == 1


@pytest.mark.parametrize("state", ["closed", "open"])
def test_customers_stay_on_a_panel_that_serves(panel, second_panel, state):
    accesses = [want_access() for _ in range(2)]
    reconciler.reconcile_due()
    homes = [account_of(access).panel for access in accesses]
    services.set_panel_state(panel.pk, state=state, actor="olga")
    for access in accesses:
        change(access)
    reconciler.reconcile_due()
    assert [account_of(access).panel for access in accesses] == homes


def test_accounts_long_ended_are_removed_and_a_renewal_gets_a_new_one(panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    old = account_of(access)
    change(access, until=clock.now() - timedelta(days=31))
    Access.objects.update(is_dirty=False)
    assert tasks.clean_up() == 1
    assert reconciler.reconcile_one(access.pk) and not marzban.users()
    change(access, until=clock.now() + timedelta(days=30))
    assert reconciler.reconcile_one(access.pk)
    assert list(marzban.users()) == [account_of(access).name] != [old.name]


def test_accounts_ended_lately_stay_as_long_as_the_rule_says(panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    change(access, until=clock.now() - timedelta(days=5))
    reconciler.reconcile_one(access.pk)
    assert tasks.clean_up() == 0 and marzban.users()
    RetentionRule.objects.filter(key="panel accounts after the end").update(days=4)
    assert tasks.clean_up() == 1
    assert tasks.clean_up() == 0  # until the reconciler has been there


def test_limit_moves_along_with_what_is_left_of_it(panel, second_panel, marzban, second_marzban):
    access = want_access(traffic_limit=1000)
    reconciler.reconcile_one(access.pk)
    first = account_of(access)
    first.used_bytes = first.counter = 300
    first.save()
    services.set_panel_state(first.panel_id, state="lost", actor="olga")
    reconciler.reconcile_one(access.pk)
    assert account_of(access).observed_limit == 700
    change(access, traffic_limit=200)
    reconciler.reconcile_one(access.pk)
    assert account_of(access).observed_limit == 1  # nothing left; 0 would mean no limit


def test_reconcile_requests_bring_accesses_to_the_front(panel):
    access = want_access()
    reconciler.reconcile_due()
    assert services.request_reconcile([access.pk]) == 1
    assert reconciler.reconcile_due() == 1


def test_unknown_term_is_refused(panel):
    with pytest.raises(TypeError):
        change(want_access(), speed=3)


def test_keys_and_traffic_can_be_read(panel):
    access, other = want_access(), want_access()
    reconciler.reconcile_due()
    account = account_of(access)
    type(account).objects.filter(pk=account.pk).update(used_bytes=100)
    assert services.links_of(access.pk) == account.links
    assert services.used_bytes([access.pk, other.pk]) == {access.pk: 100, other.pk: 0}


def test_second_panel_of_the_same_address_and_administrator_is_impossible(panel, marzban):
    with pytest.raises(Exception, match="(?i)unique"), transaction.atomic():
        make_panel(marzban, name="again")


@pytest.mark.usefixtures("live_db")
def test_race_for_the_last_places_never_overfills_a_panel(panel):
    Panel.objects.update(capacity=3)
    accesses = [want_access() for _ in range(8)]
    start = threading.Barrier(len(accesses))

    def join(access: Access) -> None:
        try:
            start.wait()
            reconciler.reconcile_one(access.pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=join, args=(access,)) for access in accesses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert PanelAccount.objects.count() == Panel.objects.get().load == 3


def test_customer_moves_when_other_groups_are_bought(panel, second_panel):
    second_panel.groups.set([PanelGroup.objects.create(code="best", name="Best")])
    access = want_access()
    reconciler.reconcile_one(access.pk)
    change(access, groups=second_panel.groups.all())
    reconciler.reconcile_one(access.pk)
    assert account_of(access).panel == second_panel
    assert [row.load for row in Panel.objects.order_by("pk")] == [0, 1]


def test_customer_stays_where_they_are_while_no_panel_of_the_bought_groups_takes_them(panel, second_panel):
    second_panel.groups.set([PanelGroup.objects.create(code="best", name="Best")])
    access = want_access()
    reconciler.reconcile_one(access.pk)
    Panel.objects.filter(pk=second_panel.pk).update(state=Panel.State.CLOSED)
    change(access, groups=second_panel.groups.all())
    reconciler.reconcile_one(access.pk)
    assert account_of(access).panel == panel


def test_panel_that_cannot_make_a_first_key_is_left_for_another(panel, second_panel, marzban):
    Panel.objects.filter(pk=second_panel.pk).update(load=10)
    Panel.objects.filter(pk=panel.pk).update(inbounds={"vless": ["NOPE"]})
    access = want_access()
    for _ in range(FIRST_KEY_TRIES):
        reconciler.reconcile_due()
        access.refresh_from_db()
        assert account_of(access).panel == panel and "NOPE" in str(access.error)
        assert access.next_try_at < clock.now() + timedelta(seconds=5)
        Access.objects.update(next_try_at=None)
    reconciler.reconcile_due()
    assert account_of(access).panel == second_panel and account_of(access).links
    access.refresh_from_db()
    assert not access.is_dirty and not access.error
    assert Panel.objects.get(pk=panel.pk).load == 0 and not marzban.users()


def test_first_key_that_no_panel_can_make_costs_one_account_on_each(panel, second_panel):
    Panel.objects.update(inbounds={"vless": ["NOPE"]})
    access = want_access()
    for _ in range(6):
        reconciler.reconcile_due()
        Access.objects.update(next_try_at=None)
    assert access.accounts.count() == 2
    Panel.objects.filter(pk=panel.pk).update(inbounds={})
    reconciler.reconcile_due()
    assert account_of(access).panel == panel and account_of(access).links
