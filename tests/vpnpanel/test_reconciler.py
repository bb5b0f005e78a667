"""Stories of access: from what is wanted to what the panel lets in, whatever breaks between."""

import re
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from core import clock
from core.errors import InstallationMismatch, LeaseLost
from notifications.models import OutboxMessage
from tests.vpnpanel.wanted import account_of, call, change, plan_for, want_access
from vpnpanel import reconciler
from vpnpanel.choosing import FIRST_KEY_TRIES
from vpnpanel.models import NO_ROOM, Access, Panel, PanelAccount
from vpnpanel.services import backlog
from vpnpanel.services.placement import make_plan
from vpnpanel.services.recording import finish


def test_wanted_access_becomes_an_account_with_links_and_the_customer_is_told(panel, marzban):
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    account = account_of(access)
    user = marzban.users()[account.name]
    assert user["can_connect"] and user["expire"] == int(access.until.timestamp())
    assert account.placement == "serving" and len(account.links) == 2
    assert OutboxMessage.objects.get().context == {"access_id": access.pk}


def test_account_name_belongs_to_the_installation_and_fits_every_kind_of_panel(panel, installation):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    assert re.fullmatch(installation.short + "_[a-z2-7]{16}", account_of(access).name)


def test_customer_is_told_once_and_only_when_asked(panel):
    access, silent = want_access(), want_access(announce=False)
    reconciler.reconcile_due()
    change(access, until=access.until + timedelta(days=1))
    reconciler.reconcile_due()
    assert OutboxMessage.objects.count() == 1
    assert not Access.objects.get(pk=silent.pk).announce


def test_renewal_moves_the_end_and_keeps_the_key(panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    before = account_of(access)
    change(access, until=access.until + timedelta(days=30))
    assert reconciler.reconcile_one(access.pk)
    after = account_of(access)
    assert after.name == before.name and after.links[0].split("@")[0] == before.links[0].split("@")[0]
    assert after.observed_until == access.until.replace(microsecond=0)


def test_disabled_access_is_cut_off_and_enabled_again(panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    name = account_of(access).name
    for is_enabled in (False, True):
        change(access, is_enabled=is_enabled)
        assert reconciler.reconcile_one(access.pk)
        assert marzban.users()[name]["can_connect"] == is_enabled


def test_access_that_ended_is_cut_off(panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    change(access, until=clock.now() - timedelta(seconds=1))
    assert reconciler.reconcile_one(access.pk)
    assert marzban.users()[account_of(access).name]["status"] == "disabled"


def test_access_disabled_before_its_account_was_made_makes_none(panel, marzban):
    access = change(want_access(), is_enabled=False)
    assert reconciler.reconcile_one(access.pk)
    assert not marzban.users() and not access.accounts.exists()


def test_access_disabled_after_a_failed_create_makes_none(panel, marzban):
    marzban.fail("POST /api/user", "error", status=500)
    access = want_access()
    assert not reconciler.reconcile_one(access.pk)
    change(access, is_enabled=False)
    assert reconciler.reconcile_one(access.pk)
    assert not marzban.users()


def test_removed_access_leaves_the_panel_and_its_row_stays(panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    change(access, is_gone=True)
    assert reconciler.reconcile_one(access.pk)
    account = access.accounts.get()
    assert not marzban.users()
    assert account.placement == "gone" and account.gone_at and not account.links


def test_answer_lost_after_create_makes_exactly_one_account(panel, marzban):
    marzban.fail("POST /api/user", "lost", times=1)
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    assert marzban.fired() == {"lost": 1}
    assert list(marzban.users()) == [account_of(access).name]


def test_process_killed_after_the_call_finds_its_account_again(panel, marzban):
    access = want_access()
    call(plan_for(access))  # and dies before recording
    Access.objects.update(claimed_until=clock.now() - timedelta(seconds=1))
    assert reconciler.reconcile_due() == 1
    assert list(marzban.users()) == [account_of(access).name]


def test_process_killed_before_the_call_has_promised_a_name(panel, marzban):
    access = want_access()
    promised = plan_for(access).works[0].account.name
    Access.objects.update(claimed_until=clock.now() - timedelta(seconds=1))
    reconciler.reconcile_due()
    assert list(marzban.users()) == [promised]


def test_change_made_during_the_call_stays_dirty_and_is_applied_next(panel, marzban):
    access = want_access()
    plan = plan_for(access)
    results = call(plan)
    change(access, until=access.until + timedelta(days=30))
    assert finish(plan, results)
    access.refresh_from_db()
    assert access.is_dirty and (access.applied_generation, access.generation) == (1, 2)
    assert reconciler.reconcile_due() == 1
    assert marzban.users()[account_of(access).name]["expire"] == int(access.until.timestamp())


def test_disabling_during_the_call_does_not_announce_a_key(panel):
    access = want_access()
    plan = plan_for(access)
    results = call(plan)
    change(access, is_enabled=False)
    finish(plan, results)
    assert not OutboxMessage.objects.exists()


def test_result_is_dropped_when_another_process_took_over(panel):
    access = want_access()
    plan = plan_for(access)
    results = call(plan)
    Access.objects.update(claim_token=uuid.uuid4())
    assert not finish(plan, results)
    access.refresh_from_db()
    assert access.is_dirty and account_of(access).placement == "joining"
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize("late", ["before the other recorded", "after"])
def test_late_call_of_who_lost_its_claim_does_not_stand(panel, marzban, late):
    """A process is held up for longer than its lease; its call comes after that of the one that took over."""
    access = want_access()
    reconciler.reconcile_one(access.pk)
    change(access, devices=2)
    slow = plan_for(access)
    change(access, until=access.until + timedelta(days=30))
    Access.objects.update(claim_token=None, claimed_until=None)
    quick = plan_for(access)
    answers = call(quick)
    if late == "after":
        assert finish(quick, answers)
    assert not finish(slow, call(slow))
    if late != "after":
        assert finish(quick, answers)
    assert reconciler.reconcile_due() == 1
    assert marzban.users()[account_of(access).name]["expire"] == int(access.until.timestamp())


def test_row_that_breaks_the_plan_stops_nobody_else(panel, marzban):
    well = want_access()
    broken = want_access()  # the newest change, so its turn comes first
    reconciler.reconcile_due()
    PanelAccount.objects.filter(access=broken).update(credentials="no keys at all")
    change(well, devices=2)
    change(broken, until=broken.until + timedelta(days=30))
    assert reconciler.reconcile_due() == 1
    well.refresh_from_db()
    broken.refresh_from_db()
    assert not well.is_dirty and broken.is_dirty
    assert "could not be planned" in str(broken.error) and broken.next_try_at and broken.claim_token is None


def test_row_that_cannot_be_recorded_stops_nobody_else(panel):
    well, broken = want_access(), want_access()
    reconciler.reconcile_due()
    Panel.objects.filter(pk=panel.pk).update(state="off")
    backlog.mark_dirty([well.pk, broken.pk])
    _, most = connection.ops.integer_field_range("PositiveIntegerField")
    Access.objects.filter(pk=broken.pk).update(attempts=most, changed_at=clock.now())
    reconciler.reconcile_due()
    well.refresh_from_db()
    assert well.error == NO_ROOM


def test_plan_is_not_made_without_the_claim(panel):
    access = want_access()
    plan = plan_for(access)
    Access.objects.update(claim_token=uuid.uuid4())
    with pytest.raises(LeaseLost):
        make_plan(plan.access, None)


def test_access_that_is_being_worked_on_is_left_alone(panel, marzban):
    access = want_access()
    plan_for(access)
    assert not reconciler.reconcile_one(access.pk) and reconciler.reconcile_due() == 0
    assert not marzban.calls()


def test_failure_is_shown_and_tried_again_later_and_later(panel, marzban):
    marzban.fail("POST /api/user", "error", status=500)
    access = want_access()
    waits = []
    for _ in range(7):
        reconciler.reconcile_one(access.pk)
        access.refresh_from_db()
        waits.append(round((access.next_try_at - clock.now()).total_seconds()))
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    assert "could not be created" in str(access.error) and account_of(access).error
    assert reconciler.reconcile_due() == 0


def test_refusal_waits_for_staff(panel, marzban):
    type(panel).objects.update(inbounds={"vless": ["NOPE"]})
    access = want_access()
    for _ in range(FIRST_KEY_TRIES + 1):  # there is no other panel to go to
        reconciler.reconcile_one(access.pk)
    access.refresh_from_db()
    assert (access.next_try_at - clock.now()) > timedelta(minutes=4)
    assert "NOPE" in str(access.error)


def test_success_clears_what_went_wrong(panel, marzban):
    marzban.fail("POST /api/user", "error", status=500, times=2)
    access = want_access()
    assert not reconciler.reconcile_one(access.pk)
    assert reconciler.reconcile_one(access.pk)
    access.refresh_from_db()
    assert (access.error, access.attempts, access.next_try_at) == ("", 0, None)


def test_panel_whose_clock_is_wrong_is_shown_to_staff(panel, marzban):
    access = want_access(days=7)
    reconciler.reconcile_one(access.pk)
    marzban.emu("POST", "clock", advance=30 * 86_400)
    assert not reconciler.reconcile_one(change(access, announce=True).pk)
    access.refresh_from_db()
    assert "'expired'" in str(access.error)
    assert OutboxMessage.objects.count() == 1


def test_newest_change_goes_first(panel, marzban):
    for seconds in (30, 10, 20):
        access = want_access()
        Access.objects.filter(pk=access.pk).update(changed_at=clock.now() - timedelta(seconds=seconds))
    order = [access.pk for access in Access.objects.order_by("-changed_at")]
    reconciler.reconcile_due()
    assert [account.access_id for account in PanelAccount.objects.order_by("pk")] == order


def test_account_deleted_on_the_panel_is_made_again(panel, marzban):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    marzban.emu("POST", "lose", username=account_of(access).name)
    change(access)
    assert reconciler.reconcile_one(access.pk)
    assert marzban.users()[account_of(access).name]["can_connect"]


def test_accounts_of_others_stay_byte_for_byte(panel, marzban):
    wish = [{"username": f"friend_{n}", "owner": owner} for n, owner in enumerate(("shop", "root", "shop"))]
    marzban.http.post(f"{marzban.address}/_emu/users", json=wish).raise_for_status()
    before = {name: stable(user) for name, user in marzban.users().items()}
    access = want_access()
    reconciler.reconcile_due()
    change(access, is_gone=True)
    reconciler.reconcile_due()
    assert {name: stable(user) for name, user in marzban.users().items()} == before


def stable(user):
    """Leave out what the panel makes up anew in every answer."""
    return {name: value for name, value in user.items() if name not in ("links", "subscription_url")}


def test_copy_of_the_database_does_not_act_as_the_shop(panel, marzban, settings):
    access = want_access()
    settings.INSTALLATION_ID = uuid.uuid4()
    for entry in (lambda: reconciler.reconcile_one(access.pk), reconciler.reconcile_due):
        with pytest.raises(InstallationMismatch):
            entry()
    assert not marzban.calls()


def queries_and_calls(marzban, work, count):
    marzban.forget_calls()
    with CaptureQueriesContext(connections["default"]) as queries:
        assert work() == count
    return len(queries), len(marzban.calls())


def test_cost_of_an_access_does_not_grow_with_their_number(panel, marzban):
    want_access()
    reconciler.reconcile_due()
    costs = []
    for count in (5, 10):
        for _ in range(count):
            want_access()
        costs.append(queries_and_calls(marzban, reconciler.reconcile_due, count))
    (few, few_calls), (many, many_calls) = costs
    assert (few_calls, many_calls) == (5, 10)
    per_access = (many - few) / 5
    assert per_access <= 23  # 15, and three transactions to open and close, and a look for the next one


def test_cost_of_a_change(panel, marzban):
    accesses = [want_access(announce=False) for _ in range(10)]
    reconciler.reconcile_due()
    costs = []
    for some in (accesses[:5], accesses):
        for access in some:
            change(access, until=access.until + timedelta(days=1))
        costs.append(queries_and_calls(marzban, reconciler.reconcile_due, len(some)))
    assert (costs[0][1], costs[1][1]) == (5, 10)
    assert (costs[1][0] - costs[0][0]) / 5 <= 18  # 11, and the same around them


@pytest.mark.usefixtures("live_db")
def test_two_reconcilers_at_once_make_one_account_each(panel, marzban):
    accesses = [want_access() for _ in range(6)]
    marzban.fail("POST /api/user", "delay", seconds=0.05)

    def sweep():
        try:
            for access in accesses:
                reconciler.reconcile_one(access.pk)
            reconciler.reconcile_due()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(marzban.users()) == len(marzban.calls("POST /api/user")) == PanelAccount.objects.count() == 6
    assert not Access.objects.filter(is_dirty=True).exists()
