"""The contract test of a panel: what it finds, what it leaves behind, and what follows for the sale."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from accounts.models import AuditEvent
from core import claims, clock, jobs
from core.models import Job, Lease
from tests.factories import make_panel, make_xui_panel
from tests.vpnpanel.wanted import account_of, want_access
from tests.world import XuiWorld
from vpnpanel import reconciler, tasks, writers
from vpnpanel.choosing import selling
from vpnpanel.connections import driver_for
from vpnpanel.drivers.links import key_of
from vpnpanel.drivers.versions import is_verified
from vpnpanel.guard import words
from vpnpanel.guard.examination import STEPS, Examination
from vpnpanel.models import Panel, StrayAccount
from vpnpanel.services import guard, outages, sync

pytestmark = pytest.mark.usefixtures("installation")


def run_test(panel: Panel) -> Panel:
    """Have the panel tested to the end, without waiting between tries."""
    job = guard.start(panel, asked_by="olga")
    for _ in range(jobs.MAX_ATTEMPTS):
        jobs.run_due()
        Job.objects.filter(pk=job.pk).update(next_try_at=None)
    job.refresh_from_db()
    assert job.state not in Job.OPEN, job.error
    panel.refresh_from_db()
    return panel


class TestNewPanel:
    def test_is_sold_by_itself_once_it_has_passed(self, marzban):
        panel = make_panel(marzban, guard="untested")
        access = want_access()
        assert not reconciler.reconcile_one(access.pk) and not selling().exists()
        assert panel.why_shut == "Being tested: not sold yet"

        tasks.probe_panels()  # however it was added
        jobs.run_due()
        panel.refresh_from_db()
        assert selling().get() == panel and not panel.why_shut
        assert reconciler.reconcile_due() == 1 and account_of(access).links

    def test_is_tested_once(self, marzban):
        make_panel(marzban, guard="untested")
        for _ in range(2):
            tasks.probe_panels()
        assert Job.objects.filter(kind=guard.KIND).count() == 1
        jobs.run_due()
        tasks.probe_panels()
        assert not Job.objects.filter(kind=guard.KIND, state__in=Job.OPEN).exists()


def states(panel: Panel) -> dict[str, str]:
    return {finding["step"]: finding["state"] for finding in panel.guard_report["steps"]}


class TestSoundPanel:
    def test_passes_every_step_and_leaves_nothing(self, panel, marzban):
        access = want_access()
        reconciler.reconcile_one(access.pk)
        before = marzban.users()
        run_test(panel)
        assert panel.guard == Panel.Guard.PASSED and panel.guard_at
        assert states(panel) == dict.fromkeys(STEPS, "passed")
        assert panel.guard_report["leftovers"] == [] and panel.guard_report["advice"] == []
        after = marzban.users()
        assert list(after) == list(before) == [account_of(access).name]
        assert key_of(next(iter(after.values()))["links"][0]) == key_of(account_of(access).links[0])

    def test_makes_each_call_that_the_shop_makes(self, panel, marzban):
        run_test(panel)
        used = {call["call"].split("/api/")[0] + _shape(call["call"]) for call in marzban.calls()}
        assert used >= {
            "GET system", "GET inbounds", "GET core", "POST user", "GET user/NAME", "PUT user/NAME",
            "GET users", "POST user/NAME/revoke_sub", "DELETE user/NAME",
        }  # fmt: skip
        assert len(marzban.calls()) < 45

    def test_reports_no_secret(self, panel, marzban):
        marzban.fail("PUT *", "error", status=403, body={"detail": "You're not allowed"})
        text = str(run_test(panel).guard_report) + str(AuditEvent.objects.values_list("data"))
        assert panel.password not in text and "vless://" not in text and "eyJ" not in text

    def test_finds_itself_among_many_accounts(self, panel, marzban):
        wish = [{"username": f"user_{n:03}", "owner": "shop", "created_at": 1.0 + n} for n in range(250)]
        marzban.http.post(f"{marzban.address}/_emu/users", json=wish).raise_for_status()
        run_test(panel)
        assert panel.guard == Panel.Guard.PASSED and len(marzban.users()) == 250
        assert len(marzban.calls("GET /api/users")) == 2

    def test_repeats_what_failed_by_chance(self, panel, marzban):
        marzban.fail("POST /api/user*", "error", status=403, times=1)
        assert run_test(panel).guard == Panel.Guard.PASSED


def _shape(call: str) -> str:
    parts = call.split("/api/")[-1].split("?")[0].split("/")
    return "/".join("NAME" if "_test_" in part else part for part in parts)


class TestFailingPanel:
    @pytest.mark.parametrize(
        ("call", "failed", "words_said"),
        [
            ("GET /api/inbounds", "inbounds", "GET /api/inbounds: 403"),
            ("POST /api/user", "create", "POST /api/user: 403"),
            ("GET /api/user/*", "read", "403"),
            ("GET /api/users", "list", "403"),
            ("POST */revoke_sub", "rotate", "403"),
            ("DELETE *", "remove", "403"),
        ],
    )
    def test_is_closed_for_sale_and_says_what_failed(self, panel, marzban, call, failed, words_said):
        marzban.fail(call, "error", status=403, body={"detail": "You're not allowed"})
        run_test(panel)
        assert panel.guard == Panel.Guard.FAILED
        assert next(step for step, state in states(panel).items() if state == "failed") == failed
        assert words_said in words.why_failed(panel)
        access = want_access()
        assert not reconciler.reconcile_one(access.pk) and not access.accounts.exists()

    def test_opens_again_by_itself_and_serves_who_waited(self, panel, marzban):
        marzban.fail("POST /api/user", "error", status=403)
        run_test(panel)
        waiting = want_access()
        assert not reconciler.reconcile_one(waiting.pk) and not waiting.accounts.exists()
        marzban.heal()
        assert guard.start_doubtful() == 1
        run_test(panel)
        waiting.refresh_from_db()
        assert panel.guard == Panel.Guard.PASSED and waiting.next_try_at is None
        reconciler.reconcile_due()
        assert account_of(waiting).links
        tests = AuditEvent.objects.filter(action__startswith="panel.test").order_by("id")
        assert [event.action for event in tests] == ["panel.test_failed", "panel.test_passed"]
        assert guard.start_doubtful() == 0

    def test_who_is_served_there_stays(self, panel, marzban):
        access = want_access()
        reconciler.reconcile_one(access.pk)
        marzban.fail("POST /api/user", "error", status=403)
        run_test(panel)
        assert reconciler.reconcile_one(access.pk) and account_of(access).panel == panel

    def test_panel_that_only_does_not_answer_keeps_what_it_had(self, panel, marzban):
        run_test(panel)
        marzban.outage(True)
        run_test(panel)
        assert panel.guard == Panel.Guard.PASSED and panel.guard_report["outcome"] == "away"
        assert Job.objects.latest("id").result == {"outcome": "away"}

    @pytest.mark.parametrize("kind", ["refuse", "busy"])
    def test_panel_that_is_too_slow_or_busy_stays_open_and_is_tested_again_soon(self, panel, marzban, kind):
        run_test(panel)
        fault = {"kind": "refuse"} if kind == "refuse" else {"kind": "error", "status": 503}
        marzban.fail("POST /api/user", **fault)
        job = guard.start(panel, asked_by="olga")
        for _ in range(5):
            jobs.run_due()
            job.refresh_from_db()
            assert job.state in Job.OPEN and job.next_try_at < clock.now() + timedelta(minutes=5)
            Job.objects.update(next_try_at=None)
        run_test(panel)
        assert panel.guard == Panel.Guard.PASSED and panel.guard_report["outcome"] == "slow"
        assert words.why_failed(panel) == "" and "too slow or busy" in words.why_unfinished(panel)
        assert guard.start_doubtful() == 1
        marzban.heal()
        run_test(panel)
        assert words.why_unfinished(panel) == "" and guard.start_doubtful() == 0

    def test_panel_that_never_passed_is_not_sold_until_it_does(self, panel, marzban):
        Panel.objects.update(guard="untested")
        marzban.outage(True)
        outages.probe()
        run_test(panel)
        assert panel.guard == Panel.Guard.FAILED and "did not answer" in words.why_failed(panel)
        marzban.outage(False)
        tasks.probe_panels()
        assert Job.objects.filter(kind=guard.KIND, state__in=Job.OPEN).exists(), "once it is back"
        assert run_test(panel).guard == Panel.Guard.PASSED

    def test_account_without_keys_fails(self, panel, marzban):
        inbound = {"tag": "X", "protocol": "vless", "network": "tcp", "tls": "none", "port": 443}
        marzban.emu("POST", "panel", inbounds=[inbound], hosts={"X": []})
        assert run_test(panel).guard == Panel.Guard.FAILED
        assert "no usable link" in words.why_failed(panel)

    def test_mistyped_inbound_fails_in_words(self, panel):
        Panel.objects.update(inbounds={"vless": ["NOPE"]})
        assert "no vless inbound “NOPE”" in words.why_failed(run_test(panel))
        assert states(panel)["create"] == "skipped"


class TestLeftovers:
    def test_account_that_could_not_be_removed_is_removed_by_the_next_test(self, panel, marzban):
        marzban.fail("DELETE *", "error", status=403)
        run_test(panel)
        left = set(panel.guard_report["leftovers"])
        assert left == set(marzban.users()) and len(left) == guard.TRIES
        assert not any(user["can_connect"] for user in marzban.users().values())
        marzban.heal()
        run_test(panel)
        assert panel.guard_report["leftovers"] == [] and not marzban.users()

    def test_account_of_a_test_that_was_killed_is_found(self, panel, marzban, installation):
        forgotten, foreign = f"{installation.short}_test_abc", "zzzzzz_test_abc"
        for name in (forgotten, foreign):
            marzban.emu("POST", "users", username=name, owner="shop")
        run_test(panel)
        assert list(marzban.users()) == [foreign]

    def test_full_sync_takes_no_account_of_a_test_for_a_stray(self, panel, marzban, installation):
        marzban.emu("POST", "users", username=f"{installation.short}_test_abc", owner="shop")
        sync.sync_panels()
        jobs.run_due()
        assert not StrayAccount.objects.exists()

    def test_name_is_known_before_the_panel_is_called(self, panel, marzban):
        marzban.fail("POST /api/user", "lost")
        marzban.fail("GET /api/user/*", "refuse")
        marzban.fail("PUT *", "refuse")
        run_test(panel)
        assert set(marzban.users()) <= set(panel.guard_report["leftovers"])
        assert marzban.users()


class TestAdvice:
    @pytest.mark.parametrize(("hours", "advice"), [(3, "clock_behind"), (-5, "clock_ahead"), (0, None)])
    def test_clock_that_is_not_on_utc(self, panel, marzban, hours, advice):
        marzban.emu("POST", "panel", utc_offset_seconds=hours * 3600)
        run_test(panel)
        assert panel.guard == Panel.Guard.PASSED
        assert panel.guard_report["advice"] == ([advice] if advice else [])

    def test_sudo_administrator(self, installation, marzban):
        panel = make_panel(marzban)
        Panel.objects.update(username="root", password="root")
        marzban.emu("POST", "users", username="somebody_else", owner="shop")
        run_test(panel)
        assert set(panel.guard_report["advice"]) == {"sudo", "shared"}
        assert panel.guard == Panel.Guard.PASSED and list(marzban.users()) == ["somebody_else"]

    def test_version_that_nobody_tried(self, panel, marzban):
        marzban.fail("GET /api/system", "error", status=200, body={"version": "0.7.0", "total_user": 0})
        run_test(panel)
        assert panel.guard == Panel.Guard.PASSED
        assert set(panel.guard_report["advice"]) == {"unverified", "old_version"}

    def test_every_advice_and_every_finding_has_words(self):
        assert set(words.STEPS) == set(words.HARM) == set(STEPS)
        known = {"sudo", "clock_behind", "clock_ahead", "shared", "shared_legacy"}
        assert known < set(words.ADVICE)


@pytest.mark.parametrize(
    ("kind", "version", "verified"),
    [
        ("marzban", "0.8.4", True), ("marzban", "v0.8.0", True), ("marzban", "0.7.0", False),
        ("marzban", "0.9.0", False), ("marzban", "0.8.4-dev", False), ("marzban", "", False),
        ("xui", "2.6", True), ("xui", "2.7-2.9", True), ("xui", "2.4-2.5", False), ("xui", "3.0", False),
        ("xui", "3.2.4", False), ("xui", "3.2.5", True), ("xui", "3.6.0", True), ("xui", "3.7.1", False),
        ("xui", "dev+abc", False), ("other", "1.0", False),
    ],
)  # fmt: skip
def test_versions_the_drivers_were_made_for(kind, version, verified):
    assert is_verified(kind, version) is verified


def test_nightly_round_leaves_out_who_is_away_or_off(panel, second_panel):
    Panel.objects.filter(pk=second_panel.pk).update(is_up=False)
    Panel.objects.create(name="off", base_url="http://127.0.0.1:9", state=Panel.State.OFF)
    assert guard.start_all() == 1
    assert Job.objects.get().subject == str(panel.pk)


class TestXui:
    """The same test on the other kind, in both of its dialects."""

    @pytest.fixture(params=["xui_clients", "xui_legacy"])
    def world(self, request) -> XuiWorld:
        return request.getfixturevalue(request.param)

    @pytest.fixture
    def panel(self, world) -> Panel:
        signs_in = {"username": world.username, "password": world.password}
        return Panel.objects.create(
            name="x-1", kind="xui", base_url=world.address, public_host="de.example.com", **signs_in
        )

    def test_passes_every_step(self, panel, world):
        world.make_user("a_stranger", inbounds=[1])
        before = world.users()["a_stranger"]
        del before["links"]  # written with other words each time
        run_test(panel)
        assert panel.guard == Panel.Guard.PASSED, panel.guard_report
        assert set(states(panel)) == set(STEPS)
        assert not any(user["can_connect"] for name, user in world.users().items() if "_test_" in name)
        assert before.items() <= world.users()["a_stranger"].items()
        assert "shared" in panel.guard_report["advice"]

    def test_old_panel_that_is_shared_is_advised_against(self, xui_legacy, installation):
        xui_legacy.make_user("a_stranger", inbounds=[1])
        panel = Panel.objects.create(
            name="x-2", kind="xui", base_url=xui_legacy.address,
            username=xui_legacy.username, password=xui_legacy.password, public_host="de.example.com",
        )  # fmt: skip
        assert "shared_legacy" in run_test(panel).guard_report["advice"]

    def test_panel_that_loses_what_it_was_told_fails(self, panel, world):
        for call in ("POST */addClient", "POST */clients/add"):
            world.fail(call, "error", status=200, body={"success": False, "msg": "Something went wrong (x)"})
        run_test(panel)
        assert panel.guard == Panel.Guard.FAILED and words.why_failed(panel)


class TestLeases:
    """A step may take longer than the leases under which it is made."""

    @pytest.fixture
    def panel(self, xui_legacy) -> Panel:
        return make_xui_panel(xui_legacy)

    @pytest.fixture
    def job(self, panel) -> Job:
        guard.start(panel, asked_by="olga")
        (job,) = claims.claim(Job.objects.order_by("pk"), limit=1, lease_seconds=1)
        return job

    @pytest.fixture
    def examined(self, panel) -> Examination:
        return Examination(driver_for(panel), "abcdef", "abcdef_test_x", {})

    def keep(self, panel, job, examined, monkeypatch, *, stolen=False):
        """Have a call of 1.2 s made, and return when the panel's lease and the job's run out."""
        monkeypatch.setattr(writers, "KEEP_EVERY_SECONDS", -1)
        monkeypatch.setattr(writers, "KEEP_JOB_EVERY_SECONDS", -1)
        with writers.sole_writer(panel) as held, ThreadPoolExecutor(1) as pool:
            Lease.objects.update(until=clock.now() + timedelta(seconds=5))
            if stolen:
                Lease.objects.update(token=uuid.uuid4())
            calls = pool.submit(time.sleep, 1.2)
            writers.keep_while(calls, held, job, on_loss=examined.stop)
            return Lease.objects.get().until, Job.objects.get().claimed_until

    def test_are_prolonged_while_a_call_is_under_way(self, panel, job, examined, monkeypatch):
        panel_until, job_until = self.keep(panel, job, examined, monkeypatch)
        assert panel_until > clock.now() + timedelta(seconds=20)
        assert job_until > clock.now() + timedelta(seconds=60)

    def test_who_lost_the_panel_calls_nothing_more(self, panel, job, examined, monkeypatch, xui_legacy):
        self.keep(panel, job, examined, monkeypatch, stolen=True)
        examined.is_clean = False
        xui_legacy.forget_calls()
        examined.run()
        assert not xui_legacy.calls() and "another process" in str(examined.away)
