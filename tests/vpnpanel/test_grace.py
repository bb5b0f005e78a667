"""Accounts that others replaced serve on for a while: for apps that have not fetched the link since."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F

from core import clock
from subscriptions.models import SubscriptionRules
from tests.factories import make_xui_panel
from tests.vpnpanel.syncing import as_owner, run_sync
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import grace, reconciler, services, tasks
from vpnpanel.models import Access, Outage, Panel, PanelAccount, SyncFinding
from vpnpanel.services import moves, outages

GIB = 2**30


@pytest.fixture
def moved(panel: Panel, second_panel: Panel) -> PanelAccount:
    """The old account, on nl-1, of a customer who has just been moved to de-1; it serves on for a day."""
    Panel.objects.filter(pk=second_panel.pk).update(state=Panel.State.CLOSED)
    access = want_access(announce=False, traffic_limit=GIB)
    reconciler.reconcile_due()
    moves.start_move(panel.pk, second_panel.pk, batch=1, grace_hours=24, actor="olga")
    tasks.work_moves()
    return access.accounts.get(panel=panel)


def settle(*, hours: float = 0) -> None:
    """Let hours pass for the grace, and the worker do all there is to do."""
    PanelAccount.objects.update(serves_until=F("serves_until") - timedelta(hours=hours))
    Access.objects.update(next_try_at=None)
    tasks.probe_panels()
    reconciler.reconcile_due()


def opens(world, account: PanelAccount) -> bool:
    """Tell whether the panel lets in somebody whose app holds the account's keys."""
    return any(world.connects(link) for link in account.links)


def test_old_key_opens_until_its_time_is_over_and_the_link_leads_to_the_new_one(moved, marzban):
    assert services.links_of(moved.access_id) == account_of(moved.access).links
    assert moved.placement_in_words.startswith("Replaced, serves on until ")
    settle(hours=23)
    assert opens(marzban, moved)
    settle(hours=1)
    assert not marzban.users() and not opens(marzban, moved)
    moved.refresh_from_db()
    assert moved.placement == "gone" and not moved.access.accounts.filter(placement="leaving").exists()


def end_time(access: Access) -> None:
    change(access, until=clock.now() - timedelta(minutes=1))


def change_keys(access: Access) -> None:
    with transaction.atomic():
        services.rotate_keys(access.pk)


def lose_old_panel(access: Access) -> None:
    services.set_panel_state(Panel.objects.get(name="nl-1").pk, state="lost", actor="olga")


CUTS = {
    "disabled": lambda access: change(access, is_enabled=False),
    "removed": lambda access: change(access, is_gone=True),
    "over": end_time,
    "other keys": change_keys,
    "panel lost": lose_old_panel,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_grace_is_over_at_once_where_the_old_key_must_not_open(moved, marzban, cut):
    assert opens(marzban, moved)
    cut(moved.access)
    reconciler.reconcile_due()
    assert not marzban.users() and not PanelAccount.objects.filter(serves_until__isnull=False).exists()


def test_what_changed_while_the_old_panel_was_down_is_made_up_for(moved, marzban):
    marzban.outage(True)
    outages.probe()
    change(moved.access, traffic_limit=GIB // 2)
    reconciler.reconcile_due()
    assert not Access.objects.get().is_dirty, "nobody waits for a panel that has been left"
    marzban.outage(False)
    settle()
    assert [user["data_limit"] for user in marzban.users().values()] == [GIB // 2]
    marzban.outage(True)
    outages.probe()
    change(moved.access, is_enabled=False)
    reconciler.reconcile_due()
    marzban.outage(False)
    settle()
    assert not marzban.users()


def test_allowance_is_one_over_the_old_and_the_new(moved, marzban, second_marzban):
    for world, amount in ((marzban, GIB // 2), (second_marzban, GIB // 4)):
        (name,) = world.users()
        world.traffic(name, amount)
    assert services.read_traffic([moved.access_id]) == 2
    reconciler.reconcile_due()
    assert services.used_bytes([moved.access_id]) == {moved.access_id: GIB * 3 // 4}
    limits = [user["data_limit"] for world in (marzban, second_marzban) for user in world.users().values()]
    assert limits == [GIB * 3 // 4, GIB // 2]


def test_drift_of_the_old_one_is_mended_without_asking_and_its_traffic_counts(moved, marzban, panel):
    Panel.objects.filter(pk=panel.pk).update(holds_changes=True)
    (name,) = marzban.users()
    marzban.traffic(name, 1000)
    as_owner(marzban, "PUT", name, {"data_limit": 0})
    run_sync()
    assert not SyncFinding.objects.filter(state="held").exists()
    reconciler.reconcile_due()
    assert marzban.users()[name]["data_limit"] == GIB
    moved.refresh_from_db()
    assert moved.used_bytes == 1000 and moved.placement == "leaving"
    run_sync()
    assert not Access.objects.get().is_dirty, "one that is as it should be is left alone"


def test_who_is_moved_again_and_again_is_served_in_two_places_at_most(moved, marzban, xui_clients):
    middle = account_of(moved.access)
    third = make_xui_panel(xui_clients, name="fi-1")
    moves.start_move(middle.panel_id, third.pk, batch=1, grace_hours=24, actor="olga")
    tasks.work_moves()
    reconciler.reconcile_due()
    assert account_of(moved.access).panel == third and not marzban.users()
    assert list(PanelAccount.objects.in_use()) == [account_of(moved.access), middle]


def test_roll_back_returns_to_the_account_that_still_serves(moved, marzban, second_marzban):
    (name,), calls = marzban.users(), len(marzban.calls("POST /api/user"))
    new = account_of(moved.access)
    moves.roll_back(moved.moves_away.get().move_id, actor="olga")
    tasks.work_moves()
    account = account_of(moved.access)
    assert account.pk == moved.pk and account.serves_until is None
    assert list(marzban.users()) == [name] and len(marzban.calls("POST /api/user")) == calls
    assert opens(second_marzban, new), "an app may have fetched the new key meanwhile"
    assert [Panel.objects.get(name=each).load for each in ("nl-1", "de-1")] == [1, 0]
    settle(hours=24)
    assert not second_marzban.users()


def test_surplus_goes_at_once_as_apps_know_the_others(panel, second_panel, marzban, second_marzban):
    access = want_access(panel_count=2)
    reconciler.reconcile_due()
    change(access, panel_count=1)
    reconciler.reconcile_due()
    reconciler.reconcile_due()
    assert len({**marzban.users(), **second_marzban.users()}) == 1


def test_outage_of_the_new_panel_concerns_who_has_only_an_old_key_elsewhere(moved, second_marzban):
    second_marzban.outage(True)
    outages.probe()
    assert list(outages.affected_by(Outage.objects.get(), now=clock.now())) == [moved.access]


def test_default_follows_what_apps_are_advised_until_staff_say_otherwise(panel):
    assert grace.default_hours() == 24
    SubscriptionRules.objects.create(update_hours=6)
    assert grace.default_hours() == 12
    services.change_panel_rules(actor="olga", grace_hours=0)
    assert grace.default_hours() == 0 and grace.end_of_grace(None, clock.now()) is None
