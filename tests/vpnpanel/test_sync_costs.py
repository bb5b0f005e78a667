"""What a full sync of accounts that did not change costs: calls and queries, on every kind of panel."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from core import clock
from tests.factories import make_customer, make_panel, make_xui_panel
from tests.vpnpanel.syncing import run_sync
from vpnpanel.drivers.xui import known
from vpnpanel.models import Access, PanelAccount, SyncRun

UNTIL = datetime(2031, 1, 1, tzinfo=UTC)
# The page's own transaction with rows, traffic by access and when they were seen; the run's figures.
QUERIES_A_PIECE = 6


def believe(panel, names: list[str]) -> None:
    """Have rows of ours for accounts that are there."""
    customer = make_customer()
    accesses = Access.objects.bulk_create(
        Access(user=customer, until=UNTIL, traffic_limit=2**40, is_dirty=False, applied_generation=1)
        for _ in names
    )
    Access.objects.update(changed_at=clock.now() - timedelta(minutes=5))
    PanelAccount.objects.bulk_create(
        PanelAccount(access=access, panel=panel, name=name, placement="serving", applied_generation=1)
        for name, access in zip(names, accesses, strict=True)
    )


@pytest.fixture
def marzban_panel(installation, marzban):
    return make_panel(marzban)


def fill_marzban(panel, world, total: int) -> None:
    names = [f"{n:06}_{n:016}" for n in range(PanelAccount.objects.count(), total)]
    wish = {"owner": "shop", "expire": int(UNTIL.timestamp()), "data_limit": 2**40}
    world.emu_list("users", [{"username": name, **wish} for name in names])
    believe(panel, names)


def measured(world) -> tuple[SyncRun, list[str], Counter]:
    """Return a run, its queries, and the calls the panel received."""
    world.forget_calls()
    with CaptureQueriesContext(connections["default"]) as queries:
        run = run_sync()
    return run, [query["sql"] for query in queries], Counter(call["call"] for call in world.calls())


def test_marzban_costs_one_call_and_the_same_few_queries_a_page(marzban_panel, marzban):
    found = {}
    for total in (150, 450):
        fill_marzban(marzban_panel, marzban, total)
        run_sync()  # takes in what is there for the first time
        run, queries, calls = measured(marzban)
        assert (run.accounts, run.drifted + run.missing + run.relimited) == (total, 0)
        assert sum(calls.values()) <= total / 100 + 5 and run.calls == calls["GET /api/users"]
        found[total] = [query for query in queries if "SAVEPOINT" not in query]
    pages = 3
    assert len(found[450]) - len(found[150]) <= pages * QUERIES_A_PIECE


def test_links_that_did_not_change_are_not_written(marzban_panel, marzban):
    plain = {"tag": "PLAIN", "protocol": "vless", "network": "tcp", "tls": "none", "port": 8443}
    hosts = {"PLAIN": [{"remark": "x", "address": "nl.example.com"}]}
    marzban.emu("POST", "panel", inbounds=[plain], hosts=hosts)
    fill_marzban(marzban_panel, marzban, 5)
    run_sync()
    _, queries, _ = measured(marzban)
    assert not [query for query in queries if "WITH given" in query]
    name = PanelAccount.objects.first().name
    marzban.traffic(name, 1000)
    _, queries, _ = measured(marzban)
    (written,) = [query for query in queries if "WITH given" in query]
    assert "links" not in written and PanelAccount.objects.first().used_bytes == 1000


@pytest.mark.parametrize("world", ["xui_clients", "xui_legacy"])
def test_3x_ui_costs_two_calls_however_many_accounts(installation, request, world, monkeypatch):
    there = request.getfixturevalue(world)
    panel = make_xui_panel(there)
    names = [f"client-{number}" for number in range(430)]
    wish = {"expiryTime": int(UNTIL.timestamp()) * 1000, "totalGB": 2**40, "enable": True}
    there.emu_list("users", [{"username": name, **wish} for name in names])
    believe(panel, names)
    first = run_sync()
    assert (first.accounts, first.drifted) == (430, 0)
    run, _, calls = measured(there)
    assert (run.accounts, run.drifted) == (430, 0)
    assert 1 <= run.calls == sum(calls.values()) <= 2, calls
    monkeypatch.setattr(known, "WAYS_SECONDS", -1)  # an hour later: one account's links are looked at
    _, _, calls = measured(there)
    assert sum(calls.values()) <= 3 and len([call for call in calls if "subLinks" in call]) <= 1, calls
