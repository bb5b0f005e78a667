"""What a full sync writes down, and what of it waits for staff on a panel that holds changes."""

from datetime import timedelta

import pytest

from accounts.models import AuditEvent
from core import clock
from tests.vpnpanel.syncing import as_owner, is_dirty, run_sync
from tests.vpnpanel.wanted import account_of, call, change, plan_for, want_access
from vpnpanel import reconciler, services
from vpnpanel.errors import NothingHeld
from vpnpanel.models import Panel, SyncFinding, SyncRun
from vpnpanel.services import backlog, findings, sync
from vpnpanel.services.recording import finish


@pytest.fixture
def access(panel):
    access = want_access(announce=False, traffic_limit=10**9)
    reconciler.reconcile_due()
    access.refresh_from_db()
    return access


@pytest.fixture
def held_panel(access, panel):
    panel.holds_changes = True
    panel.save()
    return panel


def lower_limit(access, marzban, limit: int = 5) -> None:
    as_owner(marzban, "PUT", account_of(access).name, {"data_limit": limit})


def limit_there(access, marzban) -> int:
    return marzban.users()[account_of(access).name]["data_limit"]


def reconcile_all(access) -> None:
    backlog.mark_dirty([access.pk])
    assert reconciler.reconcile_due() == 1


def test_finding_says_what_the_panel_shows_and_what_the_shop_wants(access, marzban):
    as_owner(marzban, "PUT", account_of(access).name, {"data_limit": 5, "status": "disabled"})
    run = run_sync()
    (found,) = run.findings.all()
    assert (found.kind, found.state, found.access) == ("drift", "applied", access)
    assert found.details == {"enabled": [False, True], "limit": [5, 10**9]}


def test_missing_and_returned_accounts_are_told_apart(access, marzban):
    marzban.emu("POST", "snapshot")
    marzban.emu("POST", "lose", username=account_of(access).name)
    assert [each.kind for each in run_sync().findings.all()] == ["missing"]
    change(access, is_gone=True)
    reconciler.reconcile_due()
    marzban.emu("POST", "restore")
    run = run_sync()
    assert [each.kind for each in run.findings.all()] == ["returned"] and run.returned == 1


def test_row_the_panel_cannot_show_is_noted(access, marzban):
    wish = {"username": "broken", "owner": "shop", "expire": 1_900_000_000_000}
    marzban.http.post(f"{marzban.address}/_emu/users", json=wish)
    run = run_sync()
    assert run.unreadable == 1
    assert [(each.name, each.kind, each.state) for each in run.findings.all()] == [
        ("row 1", "unreadable", "noted")
    ]


def test_run_keeps_so_many_findings_and_counts_the_rest(access, marzban, monkeypatch):
    monkeypatch.setattr(findings, "MOST_KEPT", 0)
    lower_limit(access, marzban)
    run = run_sync()
    assert (run.drifted, run.findings_left_out, run.findings.count()) == (1, 1, 0) and is_dirty(access)


def test_held_difference_is_left_alone_whatever_marks_the_access(access, held_panel, marzban):
    lower_limit(access, marzban)
    run = run_sync()
    assert (run.held, run.drifted) == (1, 0) and not is_dirty(access)
    assert run.findings.get().details == {"limit": [5, 10**9]}
    reconcile_all(access)
    assert limit_there(access, marzban) == 5 and not is_dirty(access)


def test_what_is_held_already_is_not_listed_twice(access, held_panel, marzban):
    lower_limit(access, marzban)
    assert [run_sync().held for _ in range(2)] == [1, 1] and SyncFinding.objects.count() == 1
    lower_limit(access, marzban, 7)
    run_sync()
    assert list(SyncFinding.objects.order_by("pk").values_list("state", flat=True)) == ["overtaken", "held"]


def test_approved_difference_is_repaired(access, held_panel, marzban):
    lower_limit(access, marzban)
    finding = run_sync().findings.get()
    findings.approve(finding.pk, actor="olga")
    reconciler.reconcile_due()
    finding.refresh_from_db()
    assert (finding.state, finding.decided_by) == ("approved", "olga")
    assert limit_there(access, marzban) == 10**9
    assert AuditEvent.objects.filter(action="panel.findings_decided", actor="olga").exists()
    with pytest.raises(NothingHeld):
        findings.approve(finding.pk, actor="olga")


def test_dismissed_difference_stays_until_the_panel_shows_another(access, held_panel, marzban):
    lower_limit(access, marzban)
    findings.dismiss(run_sync().findings.get().pk, actor="olga")
    assert run_sync().held == 0 and limit_there(access, marzban) == 5
    lower_limit(access, marzban, 7)
    assert run_sync().held == 1


def test_change_by_a_verb_is_applied_to_a_held_account(access, held_panel, marzban):
    lower_limit(access, marzban)
    finding = run_sync().findings.get()
    change(access, until=access.until + timedelta(days=5))
    assert reconciler.reconcile_due() == 1
    user = marzban.users()[account_of(access).name]
    assert (user["data_limit"], user["expire"]) == (10**9, int(access.until.timestamp()))
    finding.refresh_from_db()
    assert finding.state == "overtaken" and run_sync().held == 0


def test_difference_that_went_away_is_closed(access, held_panel, marzban):
    lower_limit(access, marzban)
    finding = run_sync().findings.get()
    lower_limit(access, marzban, 10**9)
    assert run_sync().held == 0
    finding.refresh_from_db()
    assert finding.state == "overtaken"


def test_limit_that_follows_traffic_used_elsewhere_is_nobodys_to_approve(access, held_panel, marzban):
    name = account_of(access).name
    marzban.traffic(name, 300)
    run_sync()
    as_owner(marzban, "POST", f"{name}/reset")
    assert run_sync().relimited == 1
    reconciler.reconcile_due()
    assert limit_there(access, marzban) == 10**9 - 300


def test_missing_and_returned_accounts_are_held_too(access, held_panel, marzban):
    marzban.emu("POST", "snapshot")
    name = account_of(access).name
    marzban.emu("POST", "lose", username=name)
    assert run_sync().held == 1
    reconcile_all(access)
    assert not marzban.users()
    findings.approve_all(held_panel.pk, actor="olga")
    reconciler.reconcile_due()
    assert marzban.users()[name]["can_connect"]

    change(access, is_gone=True)
    reconciler.reconcile_due()
    marzban.emu("POST", "restore")
    assert run_sync().held == 1
    reconcile_all(access)
    assert name in marzban.users()
    assert findings.approve_all(held_panel.pk, actor="olga") == 1
    reconciler.reconcile_due()
    assert not marzban.users() and access.accounts.get().placement == "gone"


def test_panel_that_holds_nothing_any_more_is_repaired(access, held_panel, marzban):
    lower_limit(access, marzban)
    findings.dismiss(run_sync().findings.get().pk, actor="olga")
    Panel.objects.update(holds_changes=False)
    assert run_sync().drifted == 1
    reconciler.reconcile_due()
    assert limit_there(access, marzban) == 10**9
    assert not SyncFinding.objects.filter(state__in=SyncFinding.STANDING).exists()


def test_switching_a_customer_off_is_never_held(access, held_panel, marzban):
    lower_limit(access, marzban)
    run_sync()
    change(access, is_enabled=False)
    reconciler.reconcile_due()
    assert not marzban.users()[account_of(access).name]["can_connect"]


def test_whole_panel_is_decided_on_at_once(access, held_panel, marzban):
    other = want_access(announce=False)
    reconciler.reconcile_due()
    for each in (access, other):
        lower_limit(each, marzban)
    assert run_sync().held == 2
    assert findings.dismiss_all(held_panel.pk, actor="olga") == 2
    assert findings.approve_all(held_panel.pk, actor="olga") == 0


def test_inbound_taken_from_an_account_is_put_back(access, panel, marzban):
    tags = ["VLESS TCP REALITY"]
    panel.inbounds = {"vless": tags}
    panel.save()
    services.request_reconcile([access.pk])
    reconciler.reconcile_due()
    assert run_sync().drifted == 0
    everything = {protocol: [] for protocol in ("vless", "vmess")}
    as_owner(
        marzban,
        "PUT",
        account_of(access).name,
        {"inbounds": {**everything, "vless": tags + ["VLESS WS TLS"]}},
    )
    run = run_sync()
    assert run.drifted == 1 and list(run.findings.get().details) == ["inbounds"]


def test_findings_go_by_the_retention_table_but_not_what_stands(access, held_panel, marzban):
    lower_limit(access, marzban)
    run = run_sync()
    SyncFinding.objects.create(run=run, panel=held_panel, name="x", kind="unreadable", state="noted")
    later = clock.now() + timedelta(days=1)
    assert findings.remove_old(later) == 1 and SyncFinding.objects.get().state == "held"
    assert sync.remove_runs(later) == 0 and SyncRun.objects.exists()


def test_approval_given_while_the_access_is_being_applied_is_not_lost(access, held_panel, marzban):
    lower_limit(access, marzban)
    finding = run_sync().findings.get()
    backlog.mark_dirty([access.pk])
    plan = plan_for(access)
    findings.approve(finding.pk, actor="olga")
    finish(plan, call(plan))
    reconciler.reconcile_due()
    assert limit_there(access, marzban) == 10**9
