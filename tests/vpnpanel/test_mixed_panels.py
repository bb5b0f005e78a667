"""Panels of different kinds beside each other: one access on all of them, moves between them, outages."""

import random

import pytest

from core import clock
from tests.factories import make_panel, make_xui_panel
from tests.vpnpanel.wanted import account_of, change, want_access
from tests.world import AnyPanelWorld
from vpnpanel import reconciler, services, tasks
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.services import moves, outages

SEED = 20261127
GB = 2**30


@pytest.fixture
def worlds(installation, marzban, xui_legacy, xui_clients) -> dict[str, AnyPanelWorld]:
    make_panel(marzban)
    make_xui_panel(xui_legacy, name="nl-2")
    make_xui_panel(xui_clients, name="nl-3")
    return {"nl-1": marzban, "nl-2": xui_legacy, "nl-3": xui_clients}


def users_of(world: AnyPanelWorld) -> dict[str, dict]:
    """Return what the core lets in by account name; one dialect of 3x-ui names a client for each inbound."""
    return {name.partition("-i")[0]: user for name, user in world.users().items()}


def let_flow(world: AnyPanelWorld, name: str, amount: int) -> None:
    (own,) = (known for known in world.users() if known.partition("-i")[0] == name)
    world.traffic(own, amount)


def live_on(access: Access) -> set[str]:
    live = access.accounts.filter(placement__in=PanelAccount.LIVE)
    return set(live.values_list("panel__name", flat=True))


def settle(rounds: int = 30) -> None:
    for _ in range(rounds):
        outages.probe()
        Access.objects.update(next_try_at=None)
        reconciler.reconcile_due()
        if not Access.objects.filter(is_dirty=True).exists():
            return
    pytest.fail(
        f"did not settle: {list(Access.objects.filter(is_dirty=True).values_list('error', flat=True))}"
    )


def assert_all_agree(worlds: dict[str, AnyPanelWorld]) -> None:
    now = clock.now()
    for name, world in worlds.items():
        users = users_of(world)
        rows = (
            PanelAccount.objects.filter(panel__name=name).exclude(placement="gone").select_related("access")
        )
        left = set(users) - {row.name for row in rows}
        # A 3x-ui panel may refuse to delete the last client of an inbound: it is switched off.
        assert {row.name for row in rows} <= set(users) and not any(users[key]["can_connect"] for key in left)
        assert not left or (world.address != worlds["nl-1"].address and len(left) == 1)
        for row in rows:
            assert users[row.name]["can_connect"] == row.access.is_wanted(now)


def test_one_access_lives_on_every_kind_and_each_key_lets_in(worlds):
    access = want_access(panel_count=0)
    assert reconciler.reconcile_one(access.pk)
    assert live_on(access) == {"nl-1", "nl-2", "nl-3"}
    for account in access.accounts.select_related("panel"):
        assert worlds[account.panel.name].connects(account.links[0])
    assert_all_agree(worlds)


@pytest.mark.parametrize(("source", "target"), [("nl-1", "nl-2"), ("nl-2", "nl-3"), ("nl-3", "nl-1")])
def test_customers_move_from_any_kind_to_any_other_and_back(worlds, source, target):
    panels = {panel.name: panel for panel in Panel.objects.all()}
    Panel.objects.exclude(name=source).update(state="closed")
    accesses = [want_access(traffic_limit=10 * GB, announce=False) for _ in range(3)]
    reconciler.reconcile_due()
    let_flow(worlds[source], account_of(accesses[0]).name, GB)
    change(accesses[0])
    reconciler.reconcile_due()
    move = moves.start_move(panels[source].pk, panels[target].pk, batch=2, grace_hours=0, actor="olga")
    for home, state in ((target, "done"), (source, "rolled_back")):
        while tasks.work_moves():
            Access.objects.update(next_try_at=None)
        settle()
        move.refresh_from_db()
        assert move.state == state and {account_of(access).panel.name for access in accesses} == {home}
        limits = [user["data_limit"] for user in worlds[home].users().values() if user["can_connect"]]
        assert sorted(limits) == [9 * GB, 10 * GB, 10 * GB]
        assert_all_agree(worlds)
        moves.roll_back(move.pk, actor="olga")


def test_one_flapping_panel_of_three_kinds_and_all_agree_in_the_end(worlds):
    dice = random.Random(SEED)
    accesses = [want_access(panel_count=dice.choice([0, 1, 2]), announce=False) for _ in range(8)]
    for _ in range(3):
        name = dice.choice(list(worlds))
        worlds[name].outage(True)
        for access in dice.sample(accesses, 3):
            change(access, **dice.choice([{"is_enabled": False}, {"is_enabled": True}, {"panel_count": 2}]))
        reconciler.reconcile_due()
        worlds[name].outage(False)
        tasks.probe_panels()
    settle()
    assert_all_agree(worlds)
    for panel in Panel.objects.all():
        assert panel.load == panel.accounts.filter(placement__in=PanelAccount.LIVE).count()


def test_sum_of_the_traffic_on_every_kind_stops_all_of_them(worlds):
    access = want_access(panel_count=0, traffic_limit=9 * GB)
    reconciler.reconcile_one(access.pk)
    accounts = {account.panel.name: account for account in access.accounts.select_related("panel")}
    for name, world in worlds.items():
        let_flow(world, accounts[name].name, 2 * GB + GB // 2)
    for _ in range(2):
        services.read_traffic([access.pk])
        settle()
    assert [users_of(world)[accounts[name].name]["data_limit"] for name, world in worlds.items()] == [
        4 * GB
    ] * 3
    for name, world in worlds.items():
        let_flow(world, accounts[name].name, GB)
    for _ in range(2):
        services.read_traffic([access.pk])
        settle()
    assert services.used_bytes([access.pk]) == {access.pk: 10 * GB + GB // 2}
    for name in ("nl-2", "nl-3"):
        worlds[name].advance(15)  # until its next poll
    assert not any(users_of(world)[accounts[name].name]["can_connect"] for name, world in worlds.items())
