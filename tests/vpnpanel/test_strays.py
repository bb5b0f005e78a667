"""The quarantine: accounts that look like ours, and what staff do about them."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock, jobs
from core.models import Job, Lease
from tests.factories import make_xui_panel
from tests.vpnpanel.syncing import run_sync
from tests.vpnpanel.wanted import account_of, want_access
from vpnpanel import reconciler, writers
from vpnpanel.errors import NotForAdoption
from vpnpanel.models import Panel, PanelAccount, StrayAccount
from vpnpanel.services import strays


@pytest.fixture
def access(panel):
    access = want_access(announce=False)
    reconciler.reconcile_due()
    access.refresh_from_db()
    return access


@pytest.fixture
def name(installation) -> str:
    return f"{installation.short}_{'a' * 16}"


@pytest.fixture
def make(marzban):
    """Make an account on the panel behind the shop's back."""

    def one(name: str, **fields: object) -> None:
        wish = {"username": name, "owner": "shop", "expire": 1_950_000_000, **fields}
        marzban.http.post(f"{marzban.address}/_emu/users", json=wish).raise_for_status()

    return one


def test_account_under_our_sign_that_we_do_not_know_goes_to_quarantine(access, name, make):
    make(name)
    run = run_sync()
    stray = StrayAccount.objects.get()
    assert (stray.name, stray.why, stray.state, run.strays) == (name, "name", "open", 1)
    assert stray.shown["end"] == 1_950_000_000 and "links" not in stray.shown
    assert [(each.kind, each.state) for each in run.findings.all()] == [("stray", "noted")]
    run = run_sync()  # known by now
    assert run.strays == 0 and not run.findings.exists() and StrayAccount.objects.count() == 1


def test_account_noted_as_ours_names_the_access(access, installation, make):
    make("renamed", note=f"{installation.short} access {access.pk}")
    make("friend_1", note=f"about {installation.short} access {access.pk}")
    run_sync()
    stray = StrayAccount.objects.get()
    assert (stray.name, stray.why, stray.access) == ("renamed", "note", access)


def test_account_of_another_shop_is_foreign(access, make):
    make("fedcba_" + "a" * 16, note="fedcba access 1")
    assert (run_sync().foreign, StrayAccount.objects.count()) == (1, 0)


def test_account_of_ours_shown_by_another_panel_is_unclear(access, second_panel, second_marzban):
    wish = {"username": account_of(access).name, "owner": "shop", "expire": 1_950_000_000}
    second_marzban.http.post(f"{second_marzban.address}/_emu/users", json=wish).raise_for_status()
    run_sync()
    stray = StrayAccount.objects.get()
    assert (stray.panel, stray.why, stray.access) == (second_panel, "elsewhere", access)
    with pytest.raises(NotForAdoption):
        strays.adopt(stray.pk, access_id=access.pk, actor="olga")


def test_adopted_account_gets_the_terms_of_its_access_and_keeps_its_keys(access, panel, name, make, marzban):
    PanelAccount.objects.update(placement="leaving")
    reconciler.reconcile_one(access.pk)
    make(name)
    marzban.traffic(name, 700)
    key = marzban.users()[name]["links"][0].split("@")[0]
    PanelAccount.objects.update(placement="gone")
    run_sync()
    stray = StrayAccount.objects.get()
    load = Panel.objects.get().load
    strays.adopt(stray.pk, access_id=access.pk, actor="olga")
    reconciler.reconcile_due()
    account = account_of(access)
    assert (account.name, account.used_bytes, Panel.objects.get().load) == (name, 700, load + 1)
    assert marzban.users()[name]["expire"] == int(access.until.timestamp())
    assert account.links[0].split("@")[0] == key
    stray.refresh_from_db()
    assert (stray.state, stray.decided_by) == ("adopted", "olga")
    run_sync()
    assert StrayAccount.objects.filter(state="open").count() == 0


def test_access_with_an_account_there_adopts_no_second_one(access, name, make):
    make(name)
    run_sync()
    with pytest.raises(NotForAdoption):
        strays.adopt(StrayAccount.objects.get().pk, access_id=access.pk, actor="olga")


def test_ignored_account_stays_as_it_is(access, name, make, marzban):
    make(name)
    run_sync()
    strays.ignore(StrayAccount.objects.get().pk, actor="olga")
    run_sync()
    assert StrayAccount.objects.get().state == "ignored" and name in marzban.users()


def test_account_is_removed_by_a_job_and_only_then(access, name, make, marzban):
    make(name)
    run_sync()
    stray = StrayAccount.objects.get()
    strays.remove(stray.pk, actor="olga")
    assert name in marzban.users()
    marzban.outage(True)
    jobs.run_due()
    stray.refresh_from_db()
    assert stray.state == "removing" and stray.error
    marzban.outage(False)
    Job.objects.update(next_try_at=None)
    jobs.run_due()
    stray.refresh_from_db()
    assert (
        stray.state == "removed"
        and name not in marzban.users()
        and account_of(access).name in marzban.users()
    )
    with pytest.raises(NotForAdoption):
        strays.ignore(stray.pk, actor="olga")


def test_removal_that_never_works_goes_back_to_staff(access, name, make, marzban):
    make(name)
    run_sync()
    strays.remove(StrayAccount.objects.get().pk, actor="olga")
    Job.objects.filter(kind=strays.KIND).update(attempts=jobs.MAX_ATTEMPTS - 1)
    marzban.outage(True)
    jobs.run_due()
    assert StrayAccount.objects.get().state == "open"


def test_cancelled_removal_leaves_the_account_to_staff_again(access, name, make, marzban):
    make(name)
    run_sync()
    stray = StrayAccount.objects.get()
    assert jobs.cancel(strays.remove(stray.pk, actor="olga").pk)
    jobs.run_due()
    assert name in marzban.users() and StrayAccount.objects.get().state == "open"
    strays.remove(stray.pk, actor="olga")
    jobs.run_due()
    assert name not in marzban.users() and StrayAccount.objects.get().state == "removed"


def test_long_removal_keeps_its_lease_and_counts_though_cancelled_meanwhile(
    xui_legacy, installation, monkeypatch
):
    name = f"{installation.short}_{'a' * 16}"
    panel = make_xui_panel(xui_legacy)
    stray = StrayAccount.objects.create(panel=panel, name=name, why="name", state="open", seen_at=clock.now())
    job, kept = strays.remove(stray.pk, actor="olga"), []

    def keep(held: writers.Writers, real: Any = writers.Writers.keep) -> bool:
        Lease.objects.update(until=clock.now() + timedelta(seconds=1))
        kept.append((real(held), Lease.objects.get().until > clock.now() + timedelta(seconds=20)))
        jobs.cancel(job.pk)
        return True

    monkeypatch.setattr(writers.Writers, "keep", keep)
    monkeypatch.setattr(writers, "KEEP_EVERY_SECONDS", -1)
    monkeypatch.setattr(writers, "LOOK_AGAIN_SECONDS", 0.1)
    xui_legacy.fail("*", "delay", seconds=0.3, times=1)
    jobs.run_due()
    assert kept and set(kept) == {(True, True)} and not Lease.objects.exists()
    assert StrayAccount.objects.get().state == "removed"
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_account_that_became_ours_is_not_removed(access, panel, name, make, marzban):
    make(name)
    run_sync()
    strays.remove(StrayAccount.objects.get().pk, actor="olga")
    PanelAccount.objects.create(access=access, panel=panel, name=name, placement="gone")
    jobs.run_due()
    assert name in marzban.users() and StrayAccount.objects.get().state == "open"


def test_account_that_went_away_by_itself_leaves_the_quarantine_and_comes_back_to_it(
    access, name, make, marzban
):
    make(name)
    run_sync()
    marzban.emu("POST", "lose", username=name)
    run_sync()
    assert StrayAccount.objects.get().state == "gone"
    make(name)
    assert run_sync().strays == 1 and StrayAccount.objects.get().state == "open"
