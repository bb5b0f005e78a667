"""Panels that answer questions but lose what is written to them: seen, passed over, and taken back."""

import pytest

from core import jobs
from tests.factories import make_panel, make_xui_panel
from tests.vpnpanel.wanted import account_of, want_access
from vpnpanel import reconciler, tasks
from vpnpanel.choosing import selling
from vpnpanel.models import LOST_CHANGES, Access, Panel, PanelAccount

pytestmark = pytest.mark.usefixtures("installation")

WRITES = "POST /api/user"


def lose_changes(world, panel) -> list[Access]:
    """Have customers come while the panel's gateway gives up on every write; return them."""
    world.fail(WRITES, "error", status=503)
    accesses = [want_access() for _ in range(LOST_CHANGES)]
    for access in accesses:
        assert not reconciler.reconcile_one(access.pk)
    panel.refresh_from_db()
    return accesses


def test_a_panel_that_loses_changes_is_passed_over_until_one_arrives(panel, marzban):
    accesses = lose_changes(marzban, panel)
    assert panel.is_up and panel.lost_changes == LOST_CHANGES and panel.why_shut
    assert not selling().exists()

    marzban.heal()
    assert reconciler.reconcile_one(accesses[0].pk)
    panel.refresh_from_db()
    assert panel.lost_changes == 0 and selling().get() == panel
    assert Access.objects.filter(is_dirty=True, next_try_at__isnull=True).count() == LOST_CHANGES - 1


def test_one_that_arrives_in_between_starts_the_count_anew(panel, marzban):
    marzban.fail(WRITES, "error", status=503, times=LOST_CHANGES - 1)
    for _ in range(LOST_CHANGES - 1):
        assert not reconciler.reconcile_one(want_access().pk)
    assert reconciler.reconcile_one(want_access().pk)
    marzban.fail(WRITES, "error", status=503, times=1)
    assert not reconciler.reconcile_one(want_access().pk)
    panel.refresh_from_db()
    assert panel.lost_changes == 1 and selling().exists()


def test_an_account_found_as_wanted_says_nothing_of_changes(panel, marzban):
    served = want_access()
    assert reconciler.reconcile_one(served.pk)
    lose_changes(marzban, panel)
    Access.objects.filter(pk=served.pk).update(is_dirty=True)
    assert reconciler.reconcile_one(served.pk)
    panel.refresh_from_db()
    assert panel.lost_changes == LOST_CHANGES


def test_who_waits_for_a_first_key_there_gets_another_panel(panel, marzban, second_marzban):
    accesses = lose_changes(marzban, panel)
    other = make_panel(second_marzban, name="de-1")
    reconciler.reconcile_due()  # but for the last one tried, which waits two seconds
    for access in accesses[:-1]:
        assert account_of(access).panel_id == other.pk and account_of(access).links


def test_a_passed_test_takes_it_back_where_nobody_waits(panel, marzban):
    Panel.objects.update(lost_changes=LOST_CHANGES)
    assert tasks.test_doubtful_panels() == 1
    jobs.run_due()
    panel.refresh_from_db()
    assert panel.guard_report["outcome"] == "passed" and panel.lost_changes == 0


def test_a_refusal_of_one_account_is_no_lost_change(panel, marzban):
    marzban.fail(WRITES, "error", status=500)
    for _ in range(LOST_CHANGES):
        reconciler.reconcile_one(want_access().pk)
    panel.refresh_from_db()
    assert panel.lost_changes == 0


def test_a_call_for_many_accounts_is_one_lost_change(installation, xui_clients):
    panel = make_xui_panel(xui_clients)
    for _ in range(8):
        want_access()
    # A call for one alone fails, too: it would tell of a panel that keeps what it is told.
    for call in ("POST */bulkCreate", "POST */add"):
        xui_clients.fail(call, "error", status=503)
    xui_clients.fail("* /panel/api/clients/*", "delay", seconds=0.1)  # so that accesses gather meanwhile
    reconciler.reconcile_due()
    panel.refresh_from_db()
    lost = PanelAccount.objects.exclude(error="").count()
    calls = xui_clients.fired()["error"]
    assert lost > calls and panel.lost_changes == min(calls, LOST_CHANGES)
