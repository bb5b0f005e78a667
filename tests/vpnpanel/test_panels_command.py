"""`manage.py panels`: what it does, what scripts read of it, and how it ends."""

import io
import json
import os
import signal
import threading

import pytest
from django.core.management import CommandError, call_command

from core import jobs
from core.models import Job
from tests.shop import wait_for
from tests.vpnpanel.wanted import account_of, want_access
from vpnpanel.cli.frame import TRIES, all_actions
from vpnpanel.cli.progress import Progress
from vpnpanel.models import Panel, SyncRun
from vpnpanel.services import guard

pytestmark = pytest.mark.usefixtures("installation")


def manage(*arguments: str) -> tuple[int, str, str]:
    """Return the exit code, and what stood on stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("panels", *arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(ended.code)
    return code, out.getvalue(), err.getvalue()


def read(*arguments: str) -> tuple[int, dict]:
    """Return the exit code and the object that a script gets."""
    code, out, _ = manage(*arguments, "--json")
    return code, json.loads(out)


def test_adds_lists_checks_syncs_and_reconciles(marzban, monkeypatch):
    monkeypatch.setenv("PANEL_PASSWORD", marzban.password)
    add = ("add", "--name", "nl-1", "--url", marzban.address, "--username", "shop")
    for _ in range(2):
        assert "in service" in manage(*add, "--password-env", "PANEL_PASSWORD")[1]
    access = want_access()
    assert "1 accesses still wait" in manage("reconcile")[1]  # it is not tested yet
    manage("guard")
    assert "0 accesses still wait" in manage("reconcile")[1]
    assert "VLESS TCP REALITY" in manage("check", "nl-1")[1]
    assert "nl-1: 1 accounts of ours, 0 foreign, 1 calls; nothing differs" in manage("sync")[1]
    assert manage("list")[1].split("\t")[:4] == ["nl-1", "open", "up", "1"]
    marzban.emu("POST", "lose", username=account_of(access).name)
    assert manage("reconcile", str(access.pk))[0] == 0
    assert marzban.users()


def test_adding_again_keeps_what_is_not_said(marzban, panel):
    Panel.objects.update(location="Amsterdam", inbounds={"vless": ["VLESS TCP REALITY"]})
    add = ("add", "--name", "nl-1", "--url", marzban.address, "--username", "shop")
    assert manage(*add, "--password", marzban.password)[0] == 0
    panel.refresh_from_db()
    assert (panel.location, panel.inbounds) == ("Amsterdam", {"vless": ["VLESS TCP REALITY"]})
    Panel.objects.update(state=Panel.State.OFF)
    assert "but is off: open it" in manage(*add, "--password", marzban.password)[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("add --name x --url http://127.0.0.1:9 --username a --password b", 1, "127.0.0.1"),
        ("add --name x --url u --username a --password-env NOT_SET", 2, "NOT_SET"),
        ("add --name x --url u --username a --password b --group no", 2, "no panel group 'no'"),
        ("add --name x --url u --username a", 2, "--password-env or --token-env"),
        ("add --name x --url u --username a --password b --inbounds {", 2, "not JSON"),
        ("check nobody", 2, "nobody"),
        ("sync nobody", 2, "nobody"),
        ("reconcile 4711", 2, "no access 4711"),
        ("move --from nobody --batch 0 --dry-run", 2, "1 to 200"),
    ],
)
def test_says_what_is_wrong_and_how_it_ended(arguments, code, words):
    ended, out, err = manage(*arguments.split())
    assert (ended, out) == (code, "") and words in err


@pytest.mark.parametrize("arguments", [("fly",), ("sync", "--fast"), ()])
def test_unknown_words_are_wrong_usage(arguments):
    with pytest.raises(CommandError):  # from a shell Django ends these with code 2
        manage(*arguments)


def test_panel_that_is_away_and_access_that_is_not_applied_need_attention(panel, marzban):
    access = want_access()
    marzban.outage(True)
    code, _, err = manage("check")
    assert code == 1 and "1 of the panels" in err
    code, _, err = manage("reconcile", str(access.pk))
    assert code == 1 and f"Not applied: {access.pk}" in err
    code, found = read("reconcile", str(access.pk))
    assert (code, found["ok"], found["not_applied"]) == (1, False, [access.pk])


def test_sync_of_a_panel_that_is_away_ends_soon_and_leaves_one_run(panel, marzban, monkeypatch, caplog):
    monkeypatch.setattr("core.jobs.RETRY_SECONDS", 0)
    marzban.outage(True)
    code, _, err = manage("sync")
    assert code == 1 and err.startswith("nl-1: POST") and "Traceback" not in caplog.text
    assert Job.objects.get().attempts == TRIES
    run = SyncRun.objects.get()
    assert run.finished_at is not None and str(run.error) in err
    marzban.outage(False)
    assert manage("sync")[0] == 0
    assert (SyncRun.objects.get().calls, SyncRun.objects.get().error) == (1, "")


def test_scripts_get_one_object_and_nothing_else(panel, marzban):
    want_access()
    assert read("reconcile") == (0, {"action": "reconcile", "ok": True, "tried": 1, "waiting": 0})
    code, found = read("check")
    assert code == 0 and found["panels"][0]["inbounds"] == {"vless": ["VLESS TCP REALITY", "VLESS WS TLS"]}
    code, found = read("list")
    assert (found["panels"][0]["name"], found["panels"][0]["load"]) == ("nl-1", 1)
    code, found = read("sync", "nobody")
    assert (code, found) == (2, {"action": "sync", "ok": False, "error": "There is no panel 'nobody'."})
    code, found = read("sync")
    assert (code, found["panels"][0]["accounts"], found["panels"][0]["error"]) == (0, 1, "")
    assert manage("--json", "list")[1].startswith("{")


def test_no_secret_is_ever_shown(panel):
    assert panel.password not in "".join(manage("list")[1:]) + "".join(manage("list", "--json")[1:])


def test_every_action_is_one_module_and_says_what_it_does():
    known = all_actions()
    assert {"add", "check", "list", "reconcile", "sync"} <= set(known)
    assert all(action.HELP for action in known.values())


def test_listing_costs_the_same_for_many_panels(panel, django_assert_num_queries):
    for number in range(10):
        Panel.objects.create(name=f"p{number}", base_url=f"http://127.0.0.1:9/{number}")
    with django_assert_num_queries(1):
        manage("list")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestProgress:
    def test_shows_share_numbers_and_time_left(self):
        assert (
            Progress("nl-1", Terminal()).line(25, 100, 10.0)
            == f"nl-1 [{'#' * 7}{'.' * 21}]  25% 25/100, 30 s left"
        )

    def test_shows_how_many_where_no_total_is_known(self):
        assert Progress("nl-1", Terminal()).line(25, None, 10.0) == "nl-1 25"

    def test_draws_on_a_terminal_and_leaves_a_clean_line(self):
        terminal = Terminal()
        with Progress("nl-1", terminal) as bar:
            bar.show(1, 2)
            bar.show(2, 2)  # at once after the last one: not drawn
        drawn = terminal.getvalue()
        assert "50% 1/2" in drawn and "2/2" not in drawn and drawn.endswith(" \r")

    def test_is_silent_where_nobody_watches(self):
        stream = io.StringIO()
        with Progress("nl-1", stream) as bar:
            bar.show(1, 2)
        assert stream.getvalue() == ""


class TestGuard:
    def test_tells_each_step_and_ends_well(self, panel):
        code, out, err = manage("guard")
        assert code == 0 and "nl-1: passed" in out and "ok     Make an account" in out and err == ""
        assert read("guard")[1]["panels"][0]["report"]["outcome"] == "passed"

    def test_panel_that_is_away_needs_a_look(self, panel, marzban, monkeypatch):
        monkeypatch.setattr(guard, "TRIES", 1)
        marzban.outage(True)
        code, found = read("guard", "nl-1")
        assert (code, found["ok"], found["panels"][0]["outcome"]) == (1, False, "away")


@pytest.fixture
def interruptible():
    """Let Ctrl-C reach the test: processes that run tests side by side ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_says_what_goes_on_and_leaves_the_job_to_the_worker(panel, marzban, interruptible):
    marzban.fail("GET /api/users", "hang", seconds=20)

    def press() -> None:
        wait_for(lambda: marzban.calls("GET /api/users"))
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    code, out, err = manage("sync", "--json")
    presser.join()
    assert code == 130 and "the worker goes on" in err and json.loads(out)["ok"] is False
    marzban.heal()
    assert jobs.run_due() == 1 and Job.objects.get().state == Job.State.DONE
