"""A small dose of everything at once: whatever breaks, panels and database agree in the end."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from core import clock
from notifications.models import OutboxMessage
from tests.vpnpanel.wanted import change, want_access
from vpnpanel import reconciler
from vpnpanel.models import Access, PanelAccount
from vpnpanel.services import outages

SEED = 20261122
FAULTS = {"refuse": 0.08, "lost": 0.08, "duplicate": 0.1, "html": 0.04, "error": 0.04}
ROUNDS = 40


def settle() -> None:
    for _ in range(ROUNDS):
        outages.probe()
        Access.objects.update(next_try_at=None)
        reconciler.reconcile_due()
        if not Access.objects.filter(is_dirty=True).exists():
            return
    pytest.fail("the panels did not settle")


def test_panels_and_database_agree_after_every_kind_of_fault(panel, second_panel, marzban, second_marzban):
    dice = random.Random(SEED)
    for world in (marzban, second_marzban):
        world.emu("POST", "seed", seed=SEED)
        for kind, probability in FAULTS.items():
            world.fail("*", kind, probability=probability)
    accesses = [want_access() for _ in range(40)]
    settle()
    for access in dice.sample(accesses, 20):
        change(access, **dice.choice(CHANGES)(access))
    settle()
    assert_all_agree(panel, marzban)
    assert_all_agree(second_panel, second_marzban)
    assert OutboxMessage.objects.count() == len(accesses)
    fired = Counter(marzban.fired()) + Counter(second_marzban.fired())
    assert set(fired) == set(FAULTS), f"not every fault was met: {fired}"


CHANGES = (
    lambda access: {"is_enabled": False},
    lambda access: {"is_gone": True},
    lambda access: {"until": access.until + timedelta(days=30)},
    lambda access: {"traffic_limit": 10**9},
)


def assert_all_agree(panel, world) -> None:
    users = world.users()
    rows = PanelAccount.objects.filter(panel=panel).select_related("access")
    assert {row.name for row in rows if row.placement != "gone"} == set(users)
    for row in rows:
        wanted, user = row.access.is_wanted(clock.now()), users.get(row.name)
        assert (user is not None and user["can_connect"]) == wanted
        if wanted:
            assert user["expire"] == int(row.access.until.timestamp())
            assert (user["data_limit"] or 0) == row.access.traffic_limit and row.links
