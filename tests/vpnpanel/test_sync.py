"""The full sync: what it reads, what it marks, what it costs, and that it never writes to a panel."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from core import clock, jobs
from core.models import Job
from core.services import require_installation
from tests.vpnpanel.syncing import as_owner, is_dirty, run_sync
from tests.vpnpanel.wanted import account_of, call, change, plan_for, want_access
from vpnpanel import reconciler, tasks
from vpnpanel.drivers.base import Observed, Page
from vpnpanel.models import Access, PanelAccount, SyncRun
from vpnpanel.observation import Sighting
from vpnpanel.services import sync
from vpnpanel.services.recording import finish


@pytest.fixture
def access(panel):
    access = want_access(announce=False)
    reconciler.reconcile_due()
    access.refresh_from_db()
    return access


def test_panel_as_desired_is_left_as_it_is(access, panel, marzban):
    marzban.forget_calls()
    run = run_sync()
    assert (run.accounts, run.foreign, run.drifted, run.missing, run.calls) == (1, 0, 0, 0, 1)
    assert run.finished_at and not is_dirty(access)
    assert {call["call"] for call in marzban.calls()} == {"GET /api/users"}
    panel.refresh_from_db()
    assert panel.synced_at


@pytest.mark.parametrize(
    "drift",
    [{"status": "disabled"}, {"expire": 2_000_000_000}, {"data_limit": 5}, {"inbounds": {"vless": []}}],
)
def test_drift_on_the_panel_is_found_and_mended(access, marzban, drift):
    as_owner(marzban, "PUT", account_of(access).name, drift)
    assert run_sync().drifted == 1 and is_dirty(access)
    assert reconciler.reconcile_due() == 1
    user = marzban.users()[account_of(access).name]
    assert user["can_connect"] and user["expire"] == int(access.until.timestamp())
    assert run_sync().drifted == 0


def test_key_that_works_though_it_should_not_is_cut_off(access, marzban):
    change(access, is_enabled=False)
    reconciler.reconcile_due()
    as_owner(marzban, "PUT", account_of(access).name, {"status": "active"})
    run_sync()
    reconciler.reconcile_due()
    assert not marzban.users()[account_of(access).name]["can_connect"]


def test_account_deleted_on_the_panel_is_found_and_made_again(access, marzban):
    marzban.emu("POST", "lose", username=account_of(access).name)
    assert run_sync().missing == 1 and is_dirty(access)
    reconciler.reconcile_due()
    assert marzban.users()[account_of(access).name]["can_connect"]


def test_missing_account_nobody_wants_is_no_work(access, marzban):
    change(access, is_enabled=False)
    reconciler.reconcile_due()
    marzban.emu("POST", "lose", username=account_of(access).name)
    assert run_sync().missing == 0


def test_account_that_came_back_with_a_restored_panel_is_removed_again(access, marzban):
    marzban.emu("POST", "snapshot")
    change(access, is_gone=True)
    reconciler.reconcile_due()
    marzban.emu("POST", "restore")
    run_sync()
    reconciler.reconcile_due()
    assert not marzban.users() and access.accounts.get().placement == "gone"


def test_foreign_accounts_are_counted_and_never_touched(access, marzban):
    names = [f"friend_{n}" for n in range(3)]
    marzban.http.post(
        f"{marzban.address}/_emu/users", json=[{"username": name, "owner": "shop"} for name in names]
    )
    before = {name: stable(user) for name, user in marzban.users().items()}
    assert run_sync().foreign == 3
    reconciler.reconcile_due()
    assert {name: stable(user) for name, user in marzban.users().items()} == before


def test_traffic_grows_over_resets_of_the_counter(access, marzban):
    account, used = account_of(access), []
    for amount, is_reset in ((1000, False), (500, False), (200, True), (0, False)):
        if is_reset:
            as_owner(marzban, "POST", f"{account.name}/reset")
        marzban.traffic(account.name, amount)
        run_sync()
        account.refresh_from_db()
        used.append((account.counter, account.used_bytes))
    assert used == [(1000, 1000), (1500, 1500), (200, 1700), (200, 1700)]


def test_traffic_of_a_panel_restored_from_a_back_up_is_not_counted_again(access, marzban):
    name = account_of(access).name
    marzban.traffic(name, 700)
    marzban.back_up()
    marzban.traffic(name, 100)
    run_sync()
    marzban.restore()
    marzban.traffic(name, 5)
    run_sync()
    marzban.traffic(name, 10)
    run_sync()
    assert account_of(access).used_bytes == 810


def test_account_that_was_made_anew_and_comes_back_with_a_back_up_counts_once(access, marzban):
    name = account_of(access).name
    marzban.traffic(name, 700)
    run_sync()
    marzban.back_up()
    marzban.lose(name)
    run_sync()
    reconciler.reconcile_due()
    marzban.traffic(name, 30)
    run_sync()
    marzban.restore()
    run_sync()
    assert account_of(access).used_bytes == 730


def test_limit_is_kept_over_a_reset_of_the_counter(panel, marzban):
    access = want_access(traffic_limit=1000)
    reconciler.reconcile_due()
    name = account_of(access).name
    marzban.traffic(name, 300)
    run_sync()
    as_owner(marzban, "POST", f"{name}/reset")
    run = run_sync()
    assert (run.relimited, run.drifted, run.findings.count()) == (1, 0, 0)  # nobody changed a limit there
    reconciler.reconcile_due()
    assert marzban.users()[name]["data_limit"] == 700 and run_sync().relimited == 0


def test_new_links_of_the_panel_reach_the_customer(access, marzban):
    moved = {"tag": "NEW", "protocol": "vless", "network": "tcp", "tls": "none", "port": 8443}
    marzban.emu(
        "POST", "panel", inbounds=[moved], hosts={"NEW": [{"remark": "x", "address": "new.example.com"}]}
    )
    run_sync()
    assert ["new.example.com:8443" in link for link in account_of(access).links] == [True]


def test_what_the_reconciler_saw_during_the_page_stays(access, panel):
    account = account_of(access)
    began_at = clock.now()
    later = began_at + timedelta(seconds=1)
    PanelAccount.objects.update(observed_at=later, counter=50, used_bytes=50)
    tally = look(panel, shown(account, counter=10), began_at)
    account.refresh_from_db()
    assert (account.used_bytes, account.observed_at, tally.drifted) == (50, later, 0)
    assert not is_dirty(access)


def test_of_two_looks_that_overlapped_the_one_written_down_first_stays(access, panel):
    """Which of two counters is older nobody knows, and the older one would look as if it had begun anew."""
    account, now = account_of(access), clock.now()
    PanelAccount.objects.update(observed_at=now - timedelta(seconds=60))
    look(panel, shown(account, counter=50), now - timedelta(seconds=9))
    look(panel, shown(account, counter=20), now - timedelta(seconds=5))
    assert account_of(access).used_bytes == 50


def test_change_made_after_the_page_was_read_is_no_drift(access, panel):
    began_at = clock.now()
    PanelAccount.objects.update(observed_at=began_at - timedelta(seconds=1))
    Access.objects.update(until=clock.now() + timedelta(days=99), changed_at=clock.now())
    assert look(panel, shown(account_of(access)), began_at).drifted == 0


def test_traffic_counted_by_a_sync_during_the_call_is_not_counted_again(access, panel, marzban):
    marzban.traffic(account_of(access).name, 100)
    change(access)
    plan = plan_for(access)
    results = call(plan)
    marzban.traffic(account_of(access).name, 50)
    run_sync()
    finish(plan, results)
    assert account_of(access).used_bytes == 150


def look(panel, observed: Observed, began_at: datetime) -> sync.Tally:
    """Let a full sync come by a page that was asked for at that time."""
    run = SyncRun.objects.create(panel=panel)
    tally = sync.Tally(run=run.pk)
    at = Sighting(began_at, clock.now())
    sync.take_page(run, require_installation(), Page((observed,), 1, True), at, tally)
    return tally


def shown(account, *, counter: int = 0) -> Observed:
    return Observed(
        account.name, "active", True, datetime(2031, 1, 1, tzinfo=UTC), 0, {"": counter}, None, ()
    )


def test_run_cut_off_between_pages_goes_on_and_counts_once(panel, marzban, monkeypatch):
    make_accounts(panel, marzban, 250)
    monkeypatch.setattr(sync, "STEP_SECONDS", 0.0)
    tasks.sync_panels()
    assert jobs.run_due(most_steps=1) == 1
    job = Job.objects.get()
    assert (job.state, job.done, job.total) == ("running", 100, 250)
    marzban.fail("GET /api/users", "refuse", times=2)
    jobs.run_due(most_steps=1)
    Job.objects.update(next_try_at=None)
    jobs.run_due()
    run = SyncRun.objects.get()
    assert (run.accounts, run.calls, run.drifted, run.error) == (250, 3, 0, "")


def test_rows_the_panel_cannot_show_do_not_hide_the_others(panel, marzban):
    make_accounts(panel, marzban, 120)
    for name in ("broken_1", "broken_2"):
        wish = {"username": name, "owner": "shop", "expire": 1_900_000_000_000}
        marzban.http.post(f"{marzban.address}/_emu/users", json=wish)
    as_owner(marzban, "PUT", PanelAccount.objects.last().name, {"status": "disabled"})
    run = run_sync()
    assert (run.accounts, run.foreign, run.drifted, run.missing) == (120, 0, 1, 0)


def test_panel_switched_off_meanwhile_is_not_read(access, panel, marzban):
    tasks.sync_panels()
    type(panel).objects.update(state="off")
    marzban.forget_calls()
    jobs.run_due()
    assert Job.objects.get().state == "failed" and not marzban.calls()


def test_failed_page_is_shown(access, panel, marzban):
    marzban.fail("GET /api/users", "error", status=500)
    tasks.sync_panels()
    jobs.run_due()
    assert "500" in str(SyncRun.objects.get().error) and "500" in str(Job.objects.get().error)


def test_query_count_of_a_page_does_not_depend_on_its_rows(panel, marzban):
    counts = []
    for total in (10, 100):
        make_accounts(panel, marzban, total)
        PanelAccount.objects.update(observed_status="stale")
        with CaptureQueriesContext(connections["default"]) as queries:
            run = run_sync()
        assert run.accounts == total and run.calls in (1, 2)
        counts.append(len([query for query in queries if "WITH given" not in query["sql"]]))
    assert abs(counts[1] - counts[0]) <= 6  # one more page of a panel that holds exactly a hundred


def make_accounts(panel, marzban, total: int) -> None:
    """Bring the panel and our rows to `total` accounts that agree."""
    until = datetime(2031, 1, 1, tzinfo=UTC)
    customer = want_access().user
    Access.objects.filter(accounts=None).delete()
    missing = range(PanelAccount.objects.count(), total)
    accesses = Access.objects.bulk_create(
        Access(user=customer, until=until, is_dirty=False, generation=1, applied_generation=1)
        for _ in missing
    )
    Access.objects.update(changed_at=clock.now() - timedelta(minutes=5))
    PanelAccount.objects.bulk_create(
        PanelAccount(access=access, panel=panel, name=f"abc123_{n:016}", placement="serving")
        for n, access in zip(missing, accesses, strict=True)
    )
    wish = [
        {"username": f"abc123_{n:016}", "owner": "shop", "expire": int(until.timestamp())} for n in missing
    ]
    marzban.http.post(f"{marzban.address}/_emu/users", json=wish).raise_for_status()


def test_old_runs_go_by_the_retention_table(panel):
    old, new = (SyncRun.objects.create(panel=panel) for _ in range(2))
    SyncRun.objects.filter(pk=old.pk).update(started_at=clock.now() - timedelta(days=91))
    assert sync.remove_runs(clock.now() - timedelta(days=90)) == 1
    assert list(SyncRun.objects.all()) == [new]


def stable(user):
    """Leave out what the panel makes up anew in every answer."""
    return {name: value for name, value in user.items() if name not in ("links", "subscription_url")}
