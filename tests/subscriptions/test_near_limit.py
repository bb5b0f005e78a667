"""One allowance over several panels: what is used on one is not left on the others."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from subscriptions import tasks
from subscriptions.models import Subscription
from subscriptions.services import nearing
from tests.factories import make_panel, make_subscription, make_xui_panel
from vpnpanel import reconciler
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.services import near_limits, used_bytes

LIMIT = 1_000_000


@pytest.fixture
def panels(installation, marzban, second_marzban) -> dict:
    make_panel(marzban)
    make_panel(second_marzban, name="de-1")
    return {"nl-1": marzban, "de-1": second_marzban}


def hold(panels, **terms) -> Subscription:
    subscription = make_subscription(traffic_limit=LIMIT, panel_count=0, **terms)
    assert reconciler.reconcile_one(subscription.access_id)
    return subscription


def flow(panels, subscription, **bytes_by_panel: int) -> None:
    for panel, amount in bytes_by_panel.items():
        name = PanelAccount.objects.get(
            access=subscription.access_id, panel__name=panel.replace("_", "-")
        ).name
        panels[panel.replace("_", "-")].traffic(name, amount)


def was_seen(panel: str, size: int) -> None:
    """Let the shop have counted so much on the panel already."""
    account = PanelAccount.objects.get(panel__name=panel)
    account.used_bytes = account.counter = size
    account.counters = dict.fromkeys(account.counters, size)
    account.save()


def look(panels) -> dict[str, tuple[int, bool]]:
    """Let the shop look and act once; return the limit on each panel, and whether it lets the customer in."""
    tasks.read_near_limit()
    reconciler.reconcile_due()
    shown = {name: next(iter(world.users().values())) for name, world in panels.items()}
    return {name: (user["data_limit"], user["can_connect"]) for name, user in shown.items()}


def test_traffic_on_two_panels_adds_up_and_the_sum_stops_both(panels):
    subscription = hold(panels)
    flow(panels, subscription, nl_1=450_000, de_1=400_000)
    was_seen("nl-1", 450_000)
    was_seen("de-1", 400_000)
    assert look(panels) == {"nl-1": (600_000, True), "de-1": (550_000, True)}
    flow(panels, subscription, nl_1=100_000, de_1=100_000)
    assert look(panels) == {"nl-1": (500_000, False), "de-1": (450_000, False)}
    assert used_bytes([subscription.access_id]) == {subscription.access_id: 1_050_000}
    for world in panels.values():
        world.forget_calls()
    assert look(panels) == {"nl-1": (500_000, False), "de-1": (450_000, False)}
    assert tasks.read_near_limit() == 0  # both were seen to be stopped


def test_limits_are_not_written_again_for_every_byte(panels):
    subscription = hold(panels)
    was_seen("nl-1", 450_000)
    was_seen("de-1", 400_000)
    flow(panels, subscription, nl_1=450_000, de_1=400_000)
    look(panels)
    for world in panels.values():
        world.forget_calls()
    for _ in range(3):
        flow(panels, subscription, nl_1=1000)
        look(panels)
    assert not [call for world in panels.values() for call in world.calls() if call["call"].startswith("PUT")]
    flow(panels, subscription, nl_1=20_000)
    assert look(panels)["de-1"] == (527_000, True)


def test_who_has_used_little_is_not_read(panels):
    subscription = hold(panels)
    flow(panels, subscription, nl_1=100_000)
    for world in panels.values():
        world.forget_calls()
    assert tasks.read_near_limit() == 0
    assert not any(world.calls() for world in panels.values())


def test_allowance_before_the_last_start_does_not_count(panels):
    subscription = hold(panels)
    PanelAccount.objects.filter(panel__name="nl-1").update(used_bytes=900_000)
    assert tasks.read_near_limit() == 2
    Subscription.objects.filter(pk=subscription.pk).update(allowance_from=900_000)
    Access.objects.update(traffic_limit=2 * LIMIT)
    assert tasks.read_near_limit() == 0


def test_reading_costs_the_same_queries_for_many_and_a_call_each(panels):
    costs = []
    for count in (2, 4):
        for _ in range(count):
            hold(panels)
        PanelAccount.objects.filter(panel__name="nl-1").update(used_bytes=850_000)
        Panel.objects.update(figures={"accounts": 1000})
        for world in panels.values():
            world.forget_calls()
        with CaptureQueriesContext(connection) as queries:
            read = tasks.read_near_limit()
        calls = [call["call"] for world in panels.values() for call in world.calls()]
        costs.append((len(queries), read, sum(call.startswith("GET /api/user") for call in calls)))
        Access.objects.update(is_dirty=False)
    assert costs[0][0] == costs[1][0] <= 32
    assert [cost[1:] for cost in costs] == [(4, 4), (12, 12)]


def test_of_too_many_the_longest_unread_come_first(panels, monkeypatch):
    monkeypatch.setattr(nearing, "MOST_AT_ONCE", 1)
    held = [hold(panels) for _ in range(3)]
    PanelAccount.objects.filter(panel__name="nl-1").update(used_bytes=850_000)
    seen = dict(PanelAccount.objects.values_list("pk", "observed_at"))
    assert [tasks.read_near_limit() for _ in held] == [2, 2, 2]
    assert all(account.observed_at > seen[account.pk] for account in PanelAccount.objects.all())


def test_many_on_a_small_panel_are_read_by_the_page(panels, monkeypatch):
    monkeypatch.setattr(near_limits, "CALLS_PER_PAGE", 2)
    for _ in range(6):
        hold(panels)
    PanelAccount.objects.filter(panel__name="nl-1").update(used_bytes=850_000)
    Panel.objects.update(figures={"accounts": 6})
    for world in panels.values():
        world.forget_calls()
    assert tasks.read_near_limit() == 12
    assert {call["call"] for world in panels.values() for call in world.calls()} == {"GET /api/users"}


def test_several_on_a_panel_that_gives_all_for_one_cost_one_list(installation, xui_legacy):
    make_xui_panel(xui_legacy)
    for _ in range(3):
        hold({})
    PanelAccount.objects.update(used_bytes=850_000)
    xui_legacy.forget_calls()
    assert tasks.read_near_limit() == 3
    lists = [call["call"] for call in xui_legacy.calls() if call["call"].endswith("/inbounds/list")]
    assert len(lists) == 1


def test_panel_that_is_away_keeps_nobody_from_reading_the_other(panels):
    hold(panels)
    PanelAccount.objects.filter(panel__name="nl-1").update(used_bytes=850_000)
    panels["nl-1"].outage(True)
    assert tasks.read_near_limit() == 1


def test_panel_whose_answers_cannot_be_read_keeps_nobody_from_reading_the_other(panels, xui_clients):
    make_xui_panel(xui_clients, name="a-first-one")
    subscription = hold(panels)
    PanelAccount.objects.filter(access=subscription.access_id).update(used_bytes=850_000)
    row = {"client": {"email": "odd", "uuid": "u"}, "inboundIds": ["odd"]}
    body = {"success": True, "msg": "", "obj": row}
    xui_clients.fail("GET */clients/get/*", "error", status=200, body=body)
    assert tasks.read_near_limit() == 2
