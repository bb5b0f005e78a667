"""Panels given up at an awkward moment: their customers are moved all the same."""

import threading
import time

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from core.services import claim_installation
from tests.factories import make_panel
from tests.vpnpanel.wanted import account_of, call, change, plan_for, want_access
from vpnpanel import reconciler, services, tasks
from vpnpanel.models import Access
from vpnpanel.services import backlog, outages
from vpnpanel.services.recording import finish


@pytest.mark.parametrize("state", ["lost", "off"])
def test_a_panel_given_up_during_a_call_keeps_nobody(panel, second_panel, state):
    access = want_access()
    reconciler.reconcile_one(access.pk)
    old = account_of(access).panel
    plan = plan_for(change(access, devices=1))
    results = call(plan)
    services.set_panel_state(old.pk, state=state, actor="olga")
    finish(plan, results)
    outages.probe()
    reconciler.reconcile_due()
    assert account_of(access).panel != old
    assert not Access.objects.get(pk=access.pk).is_dirty


def test_a_slow_panel_holds_one_sweep_of_a_worker_at_most(live_db, marzban):
    claim_installation()
    make_panel(marzban)
    want_access()
    marzban.fail("*", "delay", seconds=2)

    def sweep() -> None:
        tasks.reconcile_due()
        connections.close_all()

    slow = threading.Thread(target=sweep)
    slow.start()
    time.sleep(0.5)
    want_access()
    assert tasks.reconcile_due() == 0
    slow.join()
    assert not Access.objects.filter(is_dirty=True).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="its planner goes by no statistics")
def test_looking_for_the_misplaced_reads_nobody_who_serves_in_place(panel):
    """It is done every 15 seconds, however many customers there are."""
    with CaptureQueriesContext(connection) as queries, connection.cursor() as cursor:
        backlog.release_misplaced()
        for query in [each["sql"] for each in queries if "panelaccount" in each["sql"]]:
            cursor.execute(f"EXPLAIN QUERY PLAN {query}")
            assert "SCAN" not in str(cursor.fetchall())
