"""Panels that stop answering: who waits, who does not, and what happens when they are back."""

import threading
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.utils.translation import override

from core import clock
from notifications.models import OutboxMessage
from tests.factories import make_panel, make_xui_panel
from tests.racing import at_once
from tests.vpnpanel.wanted import account_of, change, plan_for, want_access
from vpnpanel import lines, reconciler, services, tasks
from vpnpanel.calls import Drivers, carry_out
from vpnpanel.models import Access, Outage, Panel, PanelAccount
from vpnpanel.services import outages
from vpnpanel.services.recording import finish


def test_panel_down_for_an_hour_and_back_serves_everybody(panel, marzban):
    served = want_access(announce=False)
    reconciler.reconcile_due()
    marzban.outage(True)
    late = [want_access() for _ in range(3)]
    change(served, is_enabled=False)
    reconciler.reconcile_due()
    assert outages.probe() == [] and reconciler.reconcile_due() == 0
    marzban.outage(False)
    assert tasks.probe_panels() == 1
    assert not Access.objects.filter(is_dirty=True).exists()
    assert OutboxMessage.objects.count() == len(late)


def test_one_call_notices_and_the_others_wait_without_calling(panel, marzban):
    for _ in range(5):
        want_access(announce=False)
    reconciler.reconcile_due()
    for access in Access.objects.all():
        change(access)
    marzban.outage(True)
    marzban.forget_calls()
    reconciler.reconcile_due()
    panel.refresh_from_db()
    assert not panel.is_up and panel.error and panel.up_changed_at
    assert len(marzban.calls()) <= 6  # a change and two checks, each repeated once
    assert Access.objects.filter(is_dirty=True).exclude(error="").count() == 5 and not reconciler.due()


def test_one_lost_call_is_not_an_outage(panel, marzban):
    marzban.fail("POST /api/user", "html", status=502, times=1)
    access = want_access()
    assert not reconciler.reconcile_one(access.pk)
    panel.refresh_from_db()
    assert panel.is_up
    assert reconciler.reconcile_one(access.pk)


def test_panel_that_was_well_is_asked_twice_before_everybody_waits(panel, marzban):
    outages.probe()
    marzban.fail("GET /api/system", "error", status=503, times=1)
    outages.probe()
    panel.refresh_from_db()
    assert panel.is_up and marzban.fired() == {"error": 1}


def test_panel_whose_core_stands_still_is_down_until_it_is_started(panel, marzban):
    outages.probe()
    marzban.emu("POST", "panel", core_started=False)
    outages.probe()
    panel.refresh_from_db()
    assert not panel.is_up and "Xray does not run" in str(panel.error)
    with override("ru"):
        assert str(panel.error).startswith("Xray панели не работает")
    marzban.emu("POST", "panel", core_started=True)
    assert [each.pk for each in outages.probe()] == [panel.pk]


def test_panel_that_does_not_tell_of_its_core_is_believed(panel, marzban):
    marzban.fail("GET /api/core", "error", status=404, body={"detail": "Not Found"})
    outages.probe()
    panel.refresh_from_db()
    assert panel.is_up


def test_account_stays_on_its_panel_through_an_outage(panel, marzban, second_panel, second_marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    home, away = (marzban, second_marzban) if account_of(access).panel == panel else (second_marzban, marzban)
    home.outage(True)
    change(access, is_enabled=False)
    reconciler.reconcile_due()
    assert access.accounts.count() == 1 and not away.users()


def test_new_customer_gets_a_panel_that_answers(panel, second_panel, marzban, second_marzban):
    marzban.outage(True)
    outages.probe()
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    assert account_of(access).panel == second_panel


def test_access_without_any_panel_says_so_and_is_served_when_one_is_back(panel, marzban):
    marzban.outage(True)
    outages.probe()
    access = want_access()
    assert not reconciler.reconcile_one(access.pk)
    access.refresh_from_db()
    assert "no panel" in str(access.error) and not access.accounts.exists()
    marzban.outage(False)
    tasks.probe_panels()
    assert account_of(access).links


def test_released_backlog_goes_newest_change_first(panel, marzban):
    accesses = [want_access() for _ in range(4)]
    marzban.outage(True)
    outages.probe()
    for access in accesses:
        reconciler.reconcile_one(access.pk)
    marzban.outage(False)
    tasks.probe_panels()
    served = PanelAccount.objects.order_by("pk").values_list("access_id", flat=True)
    assert list(served) == [access.pk for access in reversed(accesses)]


def test_wrong_password_makes_the_panel_wait_instead_of_each_customer(panel, marzban):
    type(panel).objects.update(password="wrong")
    for _ in range(3):
        want_access()
    reconciler.reconcile_due()
    panel.refresh_from_db()
    assert not panel.is_up and "password" in str(panel.error)


def test_switched_off_panel_is_not_called_at_all(panel, marzban):
    services.set_panel_state(panel.pk, state="off", actor="olga")
    outages.probe()
    outages.read_figures()
    assert not marzban.calls()


def test_outage_of_a_panel_that_is_switched_off_ends_and_alerts_nobody(panel, marzban):
    reconciler.reconcile_one(want_access().pk)
    marzban.outage(True)
    outages.probe()
    services.set_panel_state(panel.pk, state="off", actor="olga")
    Outage.objects.update(began_at=clock.now() - timedelta(hours=1))
    assert outages.alert_outages() == 0
    assert Outage.objects.get().ended_at


def test_lost_panel_is_left_and_its_accounts_go_when_it_answers(panel, second_panel, marzban, second_marzban):
    accesses = [want_access() for _ in range(4)]
    reconciler.reconcile_due()
    marzban.outage(True)
    outages.probe()
    assert services.set_panel_state(panel.pk, state="lost", actor="olga")
    reconciler.reconcile_due()
    assert {account_of(access).panel for access in accesses} == {second_panel}
    assert not Access.objects.filter(is_dirty=True).exists() and len(second_marzban.users()) == 4
    marzban.outage(False)
    tasks.probe_panels()
    assert not marzban.users()
    assert not PanelAccount.objects.filter(placement="leaving").exists()


def test_removal_that_waited_for_a_panel_is_swept_up(panel, second_panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    PanelAccount.objects.update(placement="leaving")
    outages.probe()
    assert reconciler.reconcile_one(access.pk)
    assert access.accounts.filter(placement="gone").count() == 1


def test_figures_are_kept(panel, marzban):
    want_access()
    reconciler.reconcile_due()
    assert tasks.read_figures() == 1
    panel.refresh_from_db()
    assert (panel.version, panel.figures["accounts"]) == ("0.8.4", 1) and panel.figures_at and panel.seen_at


def test_probe_asks_panels_side_by_side(panel, second_panel, marzban, second_marzban):
    for world in (marzban, second_marzban):
        world.fail("GET /api/system", "delay", seconds=2)
    began = time.monotonic()
    outages.probe()
    assert time.monotonic() - began < 4


HANG_SECONDS = 2


@pytest.mark.parametrize("panels_at_once", [reconciler.PANELS_AT_ONCE, 1])
def test_hanging_panel_does_not_keep_others_waiting(
    panel, second_panel, marzban, second_marzban, monkeypatch, panels_at_once
):
    monkeypatch.setattr(reconciler, "PANELS_AT_ONCE", panels_at_once)  # as if so many hung
    monkeypatch.setattr(lines, "SLOW_SECONDS", 0.3)
    accesses = [want_access() for _ in range(6)]
    reconciler.reconcile_due()
    marzban.fail("*", "hang", seconds=HANG_SECONDS)
    for access in accesses:
        change(access, is_enabled=False)
    began = time.monotonic()
    stopped: list[float] = []
    watch = threading.Thread(target=watch_until_stopped, args=(second_marzban, began, stopped))
    watch.start()
    reconciler.reconcile_due(budget_seconds=1)
    watch.join()
    assert stopped and stopped[0] < HANG_SECONDS  # whoever stood behind the call that hangs came later
    assert Access.objects.filter(is_dirty=True).count() == 3


def watch_until_stopped(world, began, stopped):
    while time.monotonic() - began < 10 and not stopped:
        if all(user["status"] == "disabled" for user in world.users().values()):
            stopped.append(time.monotonic() - began)
        time.sleep(0.05)


def test_state_of_a_panel_is_changed_once_and_noted(panel):
    assert services.set_panel_state(panel.pk, state="closed", actor="olga")
    assert not services.set_panel_state(panel.pk, state="closed", actor="olga")
    access = want_access()
    assert not reconciler.reconcile_one(access.pk)
    services.set_panel_state(panel.pk, state="open", actor="olga")
    assert reconciler.reconcile_one(access.pk)


def test_a_new_panel_shows_its_figures_after_the_first_probe(installation, marzban):
    panel = make_panel(marzban)
    outages.probe()
    panel.refresh_from_db()
    assert panel.version.startswith("0.8") and panel.figures["accounts"] == 0


def test_panel_whose_answers_cannot_be_read_keeps_no_other_away(panel, marzban, xui_clients):
    odd = make_xui_panel(xui_clients)
    marzban.outage(True)
    outages.probe()
    marzban.outage(False)
    body = {"success": True, "msg": "", "obj": {"items": [], "total": "many"}}
    xui_clients.fail("GET */clients/list/paged", "error", status=200, body=body)
    assert outages.probe() == [panel]
    odd.refresh_from_db()
    assert not odd.is_up and odd.error


def test_panel_that_is_back_is_called_again_by_a_sweep_that_found_it_away(panel, marzban):
    accesses = [want_access(announce=False) for _ in range(2)]
    with ExitStack() as closing:
        drivers = Drivers(closing)
        marzban.outage(True)
        early = [plan_for(access) for access in accesses]
        finish(early[0], carry_out(early[0], drivers))
        marzban.outage(False)
        assert outages.probe() == [panel]
        again = plan_for(accesses[0])
        finish(again, carry_out(again, drivers))
        assert Panel.objects.get(pk=panel.pk).is_up and account_of(accesses[0]).links
        finish(early[1], carry_out(early[1], drivers))
        assert account_of(accesses[1]).links


def test_return_of_a_panel_is_noted_while_another_one_hangs(panel, second_panel, marzban):
    Panel.objects.update(is_up=False)
    marzban.fail("*", "hang", seconds=1.5)
    outages.probe()
    second_panel.refresh_from_db()
    assert second_panel.is_up and second_panel.up_changed_at < clock.now() - timedelta(seconds=1)


def test_return_of_a_panel_is_noticed_while_the_backlog_of_another_is_worked_off(
    live_db, installation, marzban, second_marzban
):
    slow, other = make_panel(marzban), make_panel(second_marzban, name="de-1", state="closed")
    access = want_access()
    Panel.objects.filter(pk=slow.pk).update(is_up=False)
    marzban.fail("POST /api/user", "delay", seconds=2)

    def come_back_later() -> int:
        time.sleep(1)
        Panel.objects.filter(pk=other.pk).update(is_up=False)
        return tasks.probe_panels()

    assert at_once(tasks.probe_panels, come_back_later) == [1, 1]
    assert account_of(access).links
