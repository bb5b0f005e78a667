"""Planned moves: the new account works before the old one goes, whatever breaks between."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from core import clock
from subscriptions import status
from tests.factories import make_panel, make_staff, make_subscription
from tests.vpnpanel.wanted import account_of, call, change, plan_for, want_access
from tests.world import PanelWorld
from vpnpanel import reconciler, services, tasks
from vpnpanel.errors import CannotMove
from vpnpanel.models import Access, Move, MoveItem, Panel, PanelAccount, PanelGroup
from vpnpanel.previews import preview
from vpnpanel.services import moves, outages
from vpnpanel.services.recording import finish


@pytest.fixture
def old(panel: Panel) -> Panel:
    return panel


@pytest.fixture
def new(second_panel: Panel) -> Panel:
    return second_panel


@pytest.fixture
def accesses(old: Panel, new: Panel) -> list[Access]:
    """Five customers on the old panel."""
    Panel.objects.filter(pk=new.pk).update(state=Panel.State.CLOSED)
    made = [want_access(announce=False, traffic_limit=1000) for _ in range(5)]
    reconciler.reconcile_due()
    Panel.objects.filter(pk=new.pk).update(state=Panel.State.OPEN)
    return made


def begin(old: Panel, new: Panel | None, *, batch: int = 2, grace: int = 0) -> Move:
    goal = new.pk if new else None
    return moves.start_move(old.pk, goal, batch=batch, grace_hours=grace, actor="olga")


def run(move: Move) -> Move:
    for _ in range(20):
        if not tasks.work_moves():
            break
        Access.objects.update(next_try_at=None)
    reconciler.reconcile_due()  # removes the last ones from the old panel
    move.refresh_from_db()
    return move


def homes(accesses: list[Access]) -> set[str]:
    return {account_of(access).panel.name for access in accesses}


def test_everybody_moves_and_the_old_panel_is_empty(accesses, old, new, marzban, second_marzban):
    move = run(begin(old, new))
    assert (move.state, move.total, move.moved, move.failed) == ("done", 5, 5, 0) and move.finished_at
    assert homes(accesses) == {"de-1"}
    assert not marzban.users() and len(second_marzban.users()) == 5
    old.refresh_from_db()
    assert (old.state, old.load, Panel.objects.get(pk=new.pk).load) == ("draining", 0, 5)
    assert not Access.objects.filter(is_dirty=True).exists()
    for account in PanelAccount.objects.filter(panel=old):
        assert account.serving_at <= account.leaving_at <= account.gone_at


def test_only_a_batch_is_under_way_at_a_time(accesses, old, new, second_marzban):
    second_marzban.fail("POST /api/user", "error", status=500)
    move = begin(old, new)
    tasks.work_moves()
    assert (
        MoveItem.objects.filter(state="moving").count()
        == 2
        == len({row.access_id for row in PanelAccount.objects.filter(panel=new)})
    )
    second_marzban.heal()
    assert run(move).moved == 5


def test_link_shows_the_old_server_until_the_new_one_works_and_then_only_that(
    old, new, marzban, second_marzban
):
    Panel.objects.filter(pk=new.pk).update(state=Panel.State.CLOSED)
    subscription = make_subscription()
    reconciler.reconcile_one(subscription.access_id)

    def hosts() -> set[str]:
        fresh = type(subscription).objects.select_related("access", "user").get(pk=subscription.pk)
        sources = status.read(fresh, fresh.user, now=clock.now()).sources
        return {link.split("@")[1][:3] for source in sources for link in source.links}

    begin(old, new)
    moves._step(Move.objects.get().pk)
    plan = plan_for(subscription.access)
    assert hosts() == {"nl1"}
    results = call(plan)
    assert hosts() == {"nl1"} and marzban.users() and second_marzban.users()
    finish(plan, results)
    assert hosts() == {"de1"} and marzban.users()
    run(Move.objects.get())
    assert hosts() == {"de1"} and not marzban.users()


def test_traffic_counts_on_over_the_move(accesses, old, new, marzban, second_marzban):
    for access in accesses:
        marzban.traffic(account_of(access).name, 300)
        change(access)
    reconciler.reconcile_due()
    run(begin(old, new))
    assert {user["data_limit"] for user in second_marzban.users().values()} == {700}
    assert set(services.used_bytes([access.pk for access in accesses]).values()) == {300}


def test_moved_ones_come_back_on_new_accounts(accesses, old, new, marzban, second_marzban):
    move = run(begin(old, new))
    assert moves.roll_back(move.pk, actor="olga") and not moves.roll_back(move.pk, actor="olga")
    move = run(move)
    assert (move.state, move.total, move.moved, move.returned) == ("rolled_back", 5, 5, 5)
    assert homes(accesses) == {"nl-1"}
    assert len(marzban.users()) == 5 and not second_marzban.users()
    assert [Panel.objects.get(pk=each.pk).load for each in (old, new)] == [5, 0]


def test_roll_back_half_way_brings_back_who_had_moved_and_leaves_the_others(
    accesses, old, new, marzban, second_marzban
):
    move = begin(old, new)
    moves._step(move.pk)
    reconciler.reconcile_due()
    moves.roll_back(move.pk, actor="olga")
    move = run(move)
    assert (move.state, move.moved, move.returned) == ("rolled_back", 2, 2)
    assert homes(accesses) == {"nl-1"} and not second_marzban.users()


def test_roll_back_ends_at_once_where_nobody_is_left_to_come_back(accesses, old, new):
    move = run(begin(old, new))
    PanelAccount.objects.filter(panel=new).update(placement="gone")
    moves.roll_back(move.pk, actor="olga")
    with CaptureQueriesContext(connection) as queries:
        assert moves.take_forward() == 0
    move.refresh_from_db()
    assert (move.state, move.returned) == ("rolled_back", 5) and len(queries) <= 15


def test_target_that_dies_keeps_the_move_waiting_and_says_why(accesses, old, new, marzban, second_marzban):
    move = begin(old, new)
    moves._step(move.pk)
    reconciler.reconcile_due()
    second_marzban.outage(True)
    move = run(move)
    assert move.state == "waiting" and "de-1 does not answer" in move.trouble
    with translation.override("ru"):
        assert "de-1 не отвечает" in move.trouble
    assert len(marzban.users()) == 3
    served = [access for access in accesses if account_of_serving(access)]
    assert len(served) == 5
    MoveItem.objects.update(started_at=clock.now() - timedelta(minutes=6))  # that is not their fault
    second_marzban.outage(False)
    tasks.probe_panels()
    move = run(move)
    assert (move.moved, move.failed, move.trouble) == (5, 0, "") and homes(accesses) == {"de-1"}


def test_what_staff_paused_goes_on_when_they_say_so_alone(accesses, old, new):
    move = begin(old, new)
    Panel.objects.filter(pk=new.pk).update(is_up=False)
    assert run(move).state == "waiting" and moves.pause(move.pk, actor="olga")
    Panel.objects.filter(pk=new.pk).update(is_up=True)
    assert (run(move).state, run(move).moved) == ("paused", 0)
    assert moves.resume(move.pk, actor="olga") and run(move).moved == 5


def account_of_serving(access: Access) -> PanelAccount | None:
    return access.accounts.filter(placement="serving").first()


def test_paused_move_begins_with_nobody_and_goes_on(accesses, old, new):
    move = begin(old, new)
    moves._step(move.pk)
    assert moves.pause(move.pk, actor="olga") and not moves.pause(move.pk, actor="olga")
    reconciler.reconcile_due()
    assert run(move).moved == 2  # they arrived, and the move says so while it stands
    assert MoveItem.objects.filter(state="moved").count() == 2 == MoveItem.objects.count()
    assert moves.resume(move.pk, actor="olga")
    assert run(move).moved == 5


def test_cancelled_move_leaves_who_is_under_way_where_they_were(accesses, old, new, marzban, second_marzban):
    second_marzban.fail("POST /api/user", "error", status=500)
    move = begin(old, new)
    tasks.work_moves()
    assert moves.cancel(move.pk, actor="olga") and not moves.cancel(move.pk, actor="olga")
    second_marzban.heal()
    Access.objects.update(next_try_at=None)
    reconciler.reconcile_due()
    assert homes(accesses) == {"nl-1"} and not second_marzban.users()
    assert {item.state for item in move.items.all()} == {"withdrawn"}
    assert [Panel.objects.get(pk=each.pk).load for each in (old, new)] == [5, 0]


def test_customer_whose_change_is_under_way_when_their_turn_comes_moves_all_the_same(accesses, old, new):
    change(accesses[0], devices=2)
    plan = plan_for(accesses[0])
    move = begin(old, new, batch=5)
    moves.take_forward()
    finish(plan, call(plan))
    assert run(move).moved == 5 and homes(accesses) == {"de-1"}


def test_customer_who_cannot_be_moved_is_given_up_and_the_others_go_on(accesses, old, new, second_marzban):
    second_marzban.fail("POST /api/user", "error", status=500, times=4)
    move = begin(old, new, batch=5)
    tasks.work_moves()
    stuck = MoveItem.objects.filter(state="moving").first()
    MoveItem.objects.filter(pk=stuck.pk).update(started_at=clock.now() - timedelta(minutes=6))
    change(stuck.access, panel_count=1)
    moves._step(move.pk)
    stuck.refresh_from_db()
    assert stuck.state == "failed" and stuck.error
    move = run(move)
    assert (move.state, move.moved, move.failed) == ("done", 4, 1)
    assert account_of(stuck.access).panel == old


def test_move_pauses_after_a_whole_batch_that_failed_and_goes_on(accesses, old, new, second_marzban):
    second_marzban.fail("POST /api/user", "error", status=500)
    move = begin(old, new, batch=2)
    tasks.work_moves()
    MoveItem.objects.update(started_at=clock.now() - timedelta(minutes=6))
    tasks.work_moves()
    move.refresh_from_db()
    assert (move.state, move.failed, move.moved) == ("paused", 2, 0)
    assert "nobody of the last ones could be moved" in move.trouble and ": 500" in move.trouble
    reconciler.reconcile_due()
    assert homes(accesses) == {"nl-1"} and move.items.count() == 2, "nobody more is tried"
    second_marzban.heal()
    assert moves.resume(move.pk, actor="olga")
    move = run(move)
    assert (move.state, move.moved, move.failed, move.trouble) == ("done", 3, 2, "")


@pytest.mark.parametrize("cut", ["before the call", "after the call", "after the switch"])
def test_process_killed_anywhere_finishes_the_move(accesses, old, new, marzban, second_marzban, cut):
    move = begin(old, new, batch=5)
    moves._step(move.pk)
    plan = plan_for(accesses[0])
    if cut != "before the call":
        results = call(plan)
        if cut == "after the switch":
            finish(plan, results)
    Access.objects.update(claimed_until=clock.now() - timedelta(seconds=1))
    move = run(move)
    assert (move.state, move.moved) == ("done", 5)
    assert not marzban.users() and len(second_marzban.users()) == 5


def test_full_target_takes_what_it_can_and_the_move_waits(accesses, old, new):
    Panel.objects.filter(pk=new.pk).update(capacity=3)
    move = run(begin(old, new))
    assert (move.state, move.moved, move.trouble) == ("waiting", 3, "de-1 is full")
    Panel.objects.filter(pk=new.pk).update(capacity=0)
    assert run(move).moved == 5


def test_customers_whose_time_is_over_just_leave(accesses, old, new, second_marzban):
    for access in accesses:
        change(access, until=clock.now() - timedelta(days=1))
    reconciler.reconcile_due()
    move = run(begin(old, new))
    assert (move.state, move.moved) == ("done", 5)
    assert not second_marzban.users() and not PanelAccount.objects.exclude(placement="gone").exists()
    moves.roll_back(move.pk, actor="olga")
    assert run(move).state == "rolled_back"


def test_move_without_a_target_goes_wherever_there_is_room(accesses, old, new):
    move = run(begin(old, None))
    assert (move.state, move.moved) == ("done", 5) and homes(accesses) == {"de-1"}
    moves.roll_back(move.pk, actor="olga")
    assert run(move).returned == 5 and homes(accesses) == {"nl-1"}


def test_customers_on_all_panels_only_leave_the_old_one(old, new, marzban, second_marzban):
    access = want_access(panel_count=0)
    reconciler.reconcile_due()
    move = run(begin(old, new))
    assert move.moved == 1 and account_of(access).panel == new and not marzban.users()
    assert tasks.place_missing() == 0


def test_who_may_not_live_on_the_target_stays(accesses, old, new):
    best = PanelGroup.objects.create(code="best", name="Best")
    accesses[0].groups.set([best])
    old.groups.add(best)
    seen = preview(old, new)
    assert (seen.customers, seen.fitting, seen.outside, seen.too_many, seen.problem) == (5, 4, 1, 0, "")
    move = run(begin(old, new))
    assert (move.total, move.moved) == (4, 4) and account_of(accesses[0]).panel == old


def test_preview_tells_what_the_target_cannot_take(accesses, old, new):
    Panel.objects.filter(pk=new.pk).update(capacity=3)
    new.refresh_from_db()
    seen = preview(old, new)
    assert (seen.room, seen.too_many, seen.seconds) == (3, 2, 2)


@pytest.mark.parametrize(
    ("unfit", "words"),
    [
        ({"state": "draining"}, "draining"),
        ({"guard": "failed"}, "contract test"),
        ({"is_up": False}, "does not answer"),
    ],
)
def test_unfit_target_is_refused(old, new, unfit, words):
    Panel.objects.filter(pk=new.pk).update(**unfit)
    with pytest.raises(CannotMove, match=words):
        begin(old, new)
    assert not Move.objects.exists()


def test_panel_is_moved_from_once_at_a_time(accesses, old, new):
    begin(old, new)
    with pytest.raises(CannotMove, match="under way"):
        begin(old, new)


def test_step_costs_the_same_however_many_customers_there_are(accesses, old, new):
    costs = []
    for batch in (1, 4):
        Move.objects.update(state="cancelled")
        MoveItem.objects.update(state="withdrawn")
        move = begin(old, new, batch=batch)
        with CaptureQueriesContext(connection) as queries:
            assert moves._step(move.pk) == batch
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 16


def test_source_that_went_down_is_left_all_the_same(accesses, old, new, marzban, second_marzban):
    marzban.outage(True)
    outages.probe()
    move = run(begin(old, new))
    assert (move.state, move.moved) == ("done", 5) and len(second_marzban.users()) == 5
    marzban.outage(False)
    tasks.probe_panels()
    assert not marzban.users()


def test_third_panel_is_no_refuge_of_a_move_with_a_target(accesses, old, new, marzban, second_marzban):
    third = make_panel(PanelWorld(second_marzban.address.replace("127.0.0.1", "localhost")), name="fi-1")
    move = begin(old, new)
    moves._step(move.pk)
    second_marzban.outage(True)
    outages.probe()
    Panel.objects.filter(pk=third.pk).update(is_up=True)
    reconciler.reconcile_due()
    assert not third.accounts.exists()


def manage(*arguments: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("panels", "move", *arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code), out.getvalue() + err.getvalue()
    return 0, out.getvalue() + err.getvalue()


def test_command_shows_first_and_then_moves(accesses, old, new, second_marzban):
    code, out = manage("--from", "nl-1", "--to", "de-1", "--dry-run")
    assert code == 0 and "5 customers; 5 of them may go to de-1" in out and not Move.objects.exists()
    code, out = manage("--from", "nl-1", "--to", "de-1", "--batch", "3", "--json")
    found = json.loads(out)
    assert (code, found["state"], found["moved"], found["failed"]) == (0, "done", 5, 0)
    assert found["preview"]["fitting"] == 5 and len(second_marzban.users()) == 5


def test_command_ends_with_attention_when_the_move_stands_still(accesses, old, new):
    Panel.objects.filter(pk=new.pk).update(capacity=2)
    code, out = manage("--from", "nl-1", "--to", "de-1")
    assert code == 1 and "3 stay: there is room for 2" in out and "de-1 is full" in out
    assert manage("--from", "nobody")[0] == 2


def test_staff_begin_a_move_after_a_preview_and_steer_it(accesses, old, new, client):
    client.force_login(make_staff())
    address = f"/admin/vpnpanel/panel/{old.pk}/do/move/"
    assert "Wherever their groups have room" in client.get(address).content.decode()
    asked = {"target": str(new.pk), "batch": "2", "grace_hours": "0"}
    shown = client.post(address, asked).content.decode()
    assert "Will move" in shown and not Move.objects.exists()
    assert client.post(address, {**asked, "confirm": "1"}).status_code == 302
    move = Move.objects.get()
    page = f"/admin/vpnpanel/move/{move.pk}/"
    assert "every 2s" in client.get(f"{page}change/").content.decode()
    for act, state in (("pause", "paused"), ("resume", "running")):
        client.post(f"{page}do/{act}/")
        move.refresh_from_db()
        assert move.state == state
    run(move)
    client.post(f"{page}do/back/", {"confirm": "1"})
    assert run(move).state == "rolled_back"


def test_preview_of_what_cannot_be_says_why(accesses, old, new, client):
    client.force_login(make_staff())
    Panel.objects.filter(pk=new.pk).update(is_up=False)
    asked = {"target": str(new.pk), "batch": "2", "grace_hours": "0"}
    shown = client.post(f"/admin/vpnpanel/panel/{old.pk}/do/move/", asked).content.decode()
    assert "de-1 does not answer" in shown


def test_page_of_a_move_costs_the_same_for_many_customers(accesses, old, new, client, second_marzban):
    client.force_login(make_staff())
    move = begin(old, new)
    client.get(f"/admin/vpnpanel/move/{move.pk}/change/")  # what needs attention is counted once a while
    costs = []
    for failed in (1, 5):
        while move.items.filter(state="failed").count() < failed:
            moves._step(move.pk)
            move.items.filter(state="moving").update(state="failed", error="no")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/admin/vpnpanel/move/{move.pk}/change/")
        costs.append(len(queries))
    assert costs[0] == costs[1]
