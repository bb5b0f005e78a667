"""One access on several panels: how many, which ones, and that one panel's trouble stays its own."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from core import clock
from notifications.models import OutboxMessage
from tests.factories import make_panel
from tests.vpnpanel.wanted import change, plan_for, want_access
from tests.world import PanelWorld
from vpnpanel import reconciler, services, tasks
from vpnpanel.models import NO_ROOM, Access, Panel, PanelAccount, PanelGroup
from vpnpanel.services import outages


def live_on(access: Access) -> set[str]:
    rows = access.accounts.filter(placement__in=PanelAccount.LIVE)
    return set(rows.values_list("panel__name", flat=True))


def keys_of(access: Access) -> set[str]:
    """Return what tells the keys apart: a panel draws other parts of its links anew each time."""
    return {link.split("@")[0] for link in services.links_of(access.pk)}


def no_longer(access: Access) -> set[str]:
    return set(access.accounts.filter(placement="gone").values_list("panel__name", flat=True))


@pytest.fixture
def third_panel(panel: Panel, marzban: PanelWorld) -> Panel:
    """The first panel's server again, by its other name; closed for sale."""
    by_name = PanelWorld(marzban.address.replace("127.0.0.1", "localhost"))
    return make_panel(by_name, name="fi-1", state=Panel.State.CLOSED)


@pytest.mark.parametrize(("panel_count", "homes"), [(1, 1), (2, 2), (0, 2), (3, 2)])
def test_access_lives_on_as_many_panels_as_it_should_and_as_there_are(
    panel, second_panel, marzban, second_marzban, panel_count, homes
):
    access = want_access(panel_count=panel_count)
    assert reconciler.reconcile_one(access.pk)
    assert len(live_on(access)) == homes == len(marzban.users()) + len(second_marzban.users())
    assert len(services.links_of(access.pk)) == 2 * homes
    assert OutboxMessage.objects.count() == 1


@pytest.mark.parametrize("panel_count", [2, 0])
def test_places_are_taken_in_one_order_whichever_panel_is_emptier(panel, second_panel, panel_count):
    """Two customers who took the same two panels in turn would each wait for what the other holds."""
    Panel.objects.filter(pk=panel.pk).update(load=5)
    access = want_access(panel_count=panel_count)
    plan_for(access)
    assert list(access.accounts.order_by("pk").values_list("panel", flat=True)) == [panel.pk, second_panel.pk]


def test_heavier_panel_gets_more_customers(panel, second_panel):
    Panel.objects.filter(pk=second_panel.pk).update(weight=2)
    for _ in range(6):
        want_access()
    reconciler.reconcile_due()
    assert [Panel.objects.get(name=name).load for name in ("nl-1", "de-1")] == [2, 4]


@pytest.mark.parametrize(
    "unfit",
    [
        {"state": "closed"},
        {"state": "draining"},
        {"guard": "failed"},
        {"is_up": False},
        {"capacity": 1, "load": 1},
    ],
)
def test_panel_that_takes_nobody_is_skipped_and_who_lives_there_stays(panel, second_panel, unfit):
    old = want_access(panel_count=2)
    reconciler.reconcile_one(old.pk)
    Panel.objects.filter(pk=panel.pk).update(**unfit)
    new = want_access(panel_count=2)
    reconciler.reconcile_one(new.pk)
    change(old)
    reconciler.reconcile_one(old.pk)
    assert (live_on(old), live_on(new)) == ({"nl-1", "de-1"}, {"de-1"})


def test_customer_hears_of_a_key_as_soon_as_one_works_while_another_panel_is_down(
    panel, second_panel, marzban, second_marzban
):
    marzban.outage(True)
    access = want_access(panel_count=0)
    assert not reconciler.reconcile_one(access.pk)
    assert OutboxMessage.objects.count() == 1 and len(second_marzban.users()) == 1
    access.refresh_from_db()
    assert access.is_dirty and not access.announce and "nl-1" in str(access.error)
    marzban.outage(False)
    tasks.probe_panels()
    assert not Access.objects.filter(is_dirty=True).exists()
    assert len(marzban.users()) == 1 and OutboxMessage.objects.count() == 1


def test_hanging_panel_keeps_nobody_from_being_told_by_the_other(
    panel, second_panel, marzban, second_marzban, live_db
):
    marzban.fail("POST /api/user", "hang", seconds=5)
    access = want_access(panel_count=0)
    worker = threading.Thread(target=sweep_in_thread, args=(lambda: reconciler.reconcile_one(access.pk),))
    began = time.monotonic()
    worker.start()
    while not OutboxMessage.objects.exists():
        assert time.monotonic() - began < 5, "the customer waits for the panel that hangs"
        time.sleep(0.05)
    worker.join()


def sweep_in_thread(work) -> None:
    try:
        work()
    finally:
        connections.close_all()


def test_slow_panel_does_not_slow_the_others_down(panel, second_panel, marzban, second_marzban):
    accesses = [want_access(panel_count=0) for _ in range(10)]
    reconciler.reconcile_due()
    for access in accesses:
        change(access, is_enabled=False)
    marzban.fail("*", "delay", seconds=1)
    second_marzban.forget_calls()
    reconciler.reconcile_due(budget_seconds=3)
    stopped = [user for user in second_marzban.users().values() if user["status"] == "disabled"]
    assert len(stopped) == 10
    assert Access.objects.filter(is_dirty=True).count() >= 4  # for the slow one
    marzban.heal()
    reconciler.reconcile_due()
    assert not Access.objects.filter(is_dirty=True).exists()
    assert not any(user["can_connect"] for user in marzban.users().values())


def test_who_waits_for_a_panel_that_is_down_is_tried_once_and_does_not_block(
    panel, second_panel, marzban, second_marzban
):
    accesses = [want_access(panel_count=0, announce=False) for _ in range(4)]
    reconciler.reconcile_due()
    marzban.outage(True)
    outages.probe()
    for access in accesses:
        change(access, is_enabled=False)
    assert reconciler.reconcile_due() == 4
    assert not any(user["can_connect"] for user in second_marzban.users().values())
    Access.objects.update(next_try_at=clock.now() - timedelta(seconds=1))
    assert not reconciler.due() and Access.objects.filter(is_dirty=True).count() == 4


def test_failure_on_one_panel_is_tried_again_while_another_is_down(
    panel, second_panel, marzban, second_marzban
):
    marzban.outage(True)
    outages.probe()
    Panel.objects.update(is_up=True)
    access = want_access(panel_count=0)
    second_marzban.fail("POST /api/user", "error", status=500, times=1)
    assert not reconciler.reconcile_one(access.pk)
    Access.objects.update(next_try_at=clock.now() - timedelta(seconds=1))
    reconciler.reconcile_due()
    assert len(second_marzban.users()) == 1


def test_fewer_panels_bought_and_the_surplus_leaves_after_the_others_work(
    panel, second_panel, marzban, second_marzban
):
    access = want_access(panel_count=2)
    reconciler.reconcile_one(access.pk)
    change(access, panel_count=1)
    assert reconciler.reconcile_one(access.pk)
    assert live_on(access) == {"nl-1"} and no_longer(access) == {"de-1"}
    assert len(marzban.users()) == 1 and not second_marzban.users()
    change(access, panel_count=0)
    assert reconciler.reconcile_one(access.pk)
    assert live_on(access) == {"nl-1", "de-1"} and len(second_marzban.users()) == 1


def test_where_one_of_two_is_down_the_surplus_is_that_one(panel, second_panel, marzban):
    access = want_access(panel_count=2)
    reconciler.reconcile_one(access.pk)
    marzban.outage(True)
    outages.probe()
    change(access, panel_count=1)
    assert reconciler.reconcile_one(access.pk)
    assert live_on(access) == {"de-1"}
    marzban.outage(False)
    tasks.probe_panels()
    assert not marzban.users() and no_longer(access) == {"nl-1"}


def test_lost_panel_of_two_is_replaced_by_the_third(panel, second_panel, third_panel):
    access = want_access(panel_count=2)
    reconciler.reconcile_one(access.pk)
    services.set_panel_state(third_panel.pk, state="open", actor="olga")
    services.set_panel_state(second_panel.pk, state="lost", actor="olga")
    reconciler.reconcile_one(access.pk)
    assert live_on(access) == {"nl-1", "fi-1"}


def test_new_customer_does_not_wait_for_the_panel_that_went_down_under_their_first_call(
    panel, second_panel, marzban, second_marzban
):
    marzban.outage(True)
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    assert live_on(access) == {"de-1"} and OutboxMessage.objects.count() == 1
    marzban.outage(False)
    tasks.probe_panels()
    assert not marzban.users() and Panel.objects.get(name="nl-1").load == 0


def test_replaced_account_serves_until_the_new_one_was_seen_working(
    panel, second_panel, marzban, second_marzban
):
    best = PanelGroup.objects.create(code="best", name="Best")
    second_panel.groups.set([best])
    access = want_access()
    reconciler.reconcile_one(access.pk)
    keys = keys_of(access)
    second_marzban.fail("POST /api/user", "error", status=500)
    change(access, groups=[best])
    assert not reconciler.reconcile_one(access.pk)
    assert keys_of(access) == keys and len(marzban.users()) == 1
    second_marzban.heal()
    assert reconciler.reconcile_one(access.pk)
    assert keys_of(access).isdisjoint(keys) and live_on(access) == {"de-1"}


def test_cost_of_several_panels_grows_with_calls_only(panel, second_panel, marzban, second_marzban):
    want_access(panel_count=0)
    reconciler.reconcile_due()
    costs = []
    for count in (4, 8):
        for _ in range(count):
            want_access(panel_count=0)
        with CaptureQueriesContext(connections["default"]) as queries:
            assert reconciler.reconcile_due() == count
        costs.append(len(queries))
    assert (costs[1] - costs[0]) / 4 <= 36  # 22 with one panel; a place, a row and a record more
    assert len(marzban.calls("POST /api/user")) == 13


@pytest.mark.usefixtures("live_db")
def test_race_for_places_on_both_panels_never_overfills_one(panel, second_panel):
    Panel.objects.update(capacity=3)
    accesses = [want_access(panel_count=2) for _ in range(8)]
    threads = [
        threading.Thread(target=sweep_in_thread, args=(lambda key=access.pk: reconciler.reconcile_one(key),))
        for access in accesses
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live = PanelAccount.objects.filter(placement__in=PanelAccount.LIVE)
    for each in (panel, second_panel):
        assert live.filter(panel=each).count() == Panel.objects.get(pk=each.pk).load == 3


def test_panel_added_later_to_the_groups_gets_the_accounts_in_the_background(
    panel, second_panel, marzban, second_marzban
):
    Panel.objects.filter(pk=second_panel.pk).update(state=Panel.State.CLOSED)
    everywhere = [want_access(panel_count=0) for _ in range(3)]
    on_two, on_one = want_access(panel_count=2), want_access()
    reconciler.reconcile_due()
    assert tasks.place_missing() == 0
    Panel.objects.filter(pk=second_panel.pk).update(state=Panel.State.OPEN)
    assert tasks.place_missing() == 4
    reconciler.reconcile_due()
    assert all(live_on(access) == {"nl-1", "de-1"} for access in [*everywhere, on_two])
    assert live_on(on_one) == {"nl-1"} and tasks.place_missing() == 0


def test_panel_taken_out_of_a_group_is_left_once_another_can_take_its_customers(panel, second_panel):
    second_panel.groups.clear()
    access = want_access()
    reconciler.reconcile_due()
    panel.groups.set([PanelGroup.objects.create(code="best", name="Best")])
    assert tasks.place_missing() == 0
    second_panel.groups.set(PanelGroup.objects.filter(code="main"))
    assert tasks.place_missing() == 1
    reconciler.reconcile_due()
    assert live_on(access) == {"de-1"}


@pytest.mark.skipif(connections["default"].vendor != "postgresql", reason="SQLite plans without the values")
def test_search_for_missing_places_reads_nobody_who_is_to_have_one_panel_anywhere(panel, second_panel):
    """It is done each minute, however many customers there are."""
    with CaptureQueriesContext(connections["default"]) as queries, connections["default"].cursor() as cursor:
        tasks.place_missing()
        cursor.execute("SET LOCAL enable_seqscan = off")  # of so few rows it would read them all
        searches = [each["sql"] for each in queries if '"vpnpanel_access"."id" AS' in each["sql"]]
        for search in searches:
            cursor.execute(f"EXPLAIN {search}")
            assert "access_picky" in str(cursor.fetchall())
    assert len(searches) == 2


def test_search_for_missing_places_costs_the_same_for_many_customers(panel, second_panel):
    costs = []
    for count in (3, 9):
        for _ in range(count):
            want_access(panel_count=0)
        reconciler.reconcile_due()
        with CaptureQueriesContext(connections["default"]) as queries:
            tasks.place_missing()
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 6


def test_who_finds_no_room_anywhere_is_seen_and_served_once_there_is_some(panel):
    Panel.objects.update(capacity=1)
    accesses = [want_access(panel_count=0) for _ in range(2)]
    reconciler.reconcile_due()
    waiting = Access.objects.get(error=NO_ROOM)
    Panel.objects.update(capacity=2)
    Access.objects.update(next_try_at=clock.now() - timedelta(seconds=1))
    reconciler.reconcile_due()
    assert live_on(waiting) == {"nl-1"} and waiting in accesses
