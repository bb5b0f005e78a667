"""Marzban's webhooks: whatever they say, we look for ourselves, and never more than so much."""

import json
import random
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from core import clock
from core.models import Job
from tests.factories import make_panel
from tests.vpnpanel.wanted import account_of, want_access
from vpnpanel import reconciler
from vpnpanel.models import Access, Panel, PanelAccount, SyncRun
from vpnpanel.services import pointers

pytestmark = pytest.mark.usefixtures("installation")
SECRET = "the webhook's own secret"


@pytest.fixture
def panel(installation, marzban) -> Panel:
    return make_panel(marzban, webhook_secret=SECRET)


@pytest.fixture
def access(panel) -> Access:
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    return access


def event(name: object, action: str = "user_updated", **more: object) -> dict[str, object]:
    """An event as Marzban writes it, keys of the customer and all."""
    return {
        "action": action,
        "username": name,
        "enqueued_at": 1.0,
        "send_at": 1.0,
        "tries": 0,
        "user": {"username": name, "links": ["vless://secret@nl"], "proxies": {"vless": {"id": "secret"}}},
        **more,
    }


def send(client, panel, body: object, *, secret: str = SECRET) -> int:
    text = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(
        f"/webhooks/marzban/{panel.pk}",
        text,
        content_type="application/json",
        headers={"x-webhook-secret": secret},
    ).status_code


def pointed() -> set[str]:
    return set(PanelAccount.objects.filter(pointed_at__isnull=False).values_list("name", flat=True))


class TestDoor:
    def test_is_closed_without_a_secret_of_ours(self, client, panel):
        Panel.objects.update(webhook_secret="")
        assert send(client, panel, [], secret="") == 404

    def test_is_closed_for_panels_that_are_off_or_of_another_kind_or_not_there(self, client, panel):
        for changed in ({"state": "off"}, {"state": "open", "kind": "xui"}):
            Panel.objects.update(**changed)
            assert send(client, panel, []) == 404
        assert (
            client.post("/webhooks/marzban/99999999999999999999", "[]", content_type="text/plain").status_code
            == 404
        )

    @pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", SECRET[:-1], "ключ"])
    def test_is_closed_to_another_secret(self, client, access, panel, secret):
        name = account_of(access).name
        assert send(client, panel, [event(name)], secret=secret) == 403
        assert not pointed()

    def test_secret_is_not_readable_in_the_database(self, panel):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT webhook_secret FROM vpnpanel_panel")
            assert SECRET not in cursor.fetchone()[0]

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"null", b"{}", b'"text"', b"7", b"\xff\xfe", b"[" * 100_000, b"[1e999]", "[NaN]"],
    )
    def test_garbage_is_refused_quietly(self, client, panel, body):
        assert send(client, panel, body) in (200, 400)
        assert not pointed()

    def test_drawn_garbage_never_breaks_anything(self, client, access, panel):
        drawn = random.Random(7)
        odd = [None, True, 7, -1.5, "", "x" * 140, "a\x00b", "\ud800", [], {}, [[]], account_of(access).name]
        for _ in range(150):
            events = [
                drawn.choice([*odd, {key: drawn.choice(odd) for key in ("username", "action", "by", "user")}])
                for _ in range(drawn.randrange(6))
            ]
            assert send(client, panel, events) == 200
        assert pointed() <= {account_of(access).name}

    def test_unknown_names_and_names_on_other_panels_are_left_alone(
        self, client, access, panel, second_marzban
    ):
        other = make_panel(second_marzban, name="de-1", webhook_secret=SECRET)
        name = account_of(access).name
        assert send(client, other, [event(name)]) == 200
        assert send(client, panel, [event("nobody")]) == 200
        assert not pointed()

    def test_costs_two_queries_however_long_the_batch(self, client, access, panel, django_assert_num_queries):
        for names in (["nobody"], [f"user_{number}" for number in range(300)]):
            with django_assert_num_queries(2):
                send(client, panel, [event(name) for name in names])

    def test_nothing_secret_is_kept_or_logged(self, client, access, panel, caplog):
        send(client, panel, [event(account_of(access).name, user={"links": ["vless://secret@nl"]})])
        send(client, panel, [event("x")], secret="a-wrong-one")
        kept = str(list(PanelAccount.objects.values())) + caplog.text
        assert "vless://secret" not in kept and "a-wrong-one" not in kept and SECRET not in caplog.text


class TestPointing:
    def test_what_was_changed_on_the_panel_is_repaired(self, client, access, panel, marzban):
        name = account_of(access).name
        marzban.http.put(  # somebody prolongs it by hand
            f"{marzban.address}/api/user/{name}", json={"expire": 1_999_999_999}, headers=login(marzban)
        ).raise_for_status()
        assert send(client, panel, [event(name, by={"username": "root"})]) == 200
        access.refresh_from_db()
        assert pointed() == {name} and not access.is_dirty  # a pointer alone changes nothing
        assert pointers.read_pointed() == 1
        access.refresh_from_db()
        assert access.is_dirty and SyncRun.objects.get().drifted == 1
        reconciler.reconcile_due()
        assert marzban.users()[name]["expire"] == int(access.until.timestamp())

    def test_account_taken_over_may_have_a_longer_name_than_ours(self, client, access, panel):
        name = "client-" + "x" * 60
        PanelAccount.objects.update(name=name)
        send(client, panel, [event(name)])
        assert pointed() == {name}

    def test_deleted_account_is_made_again(self, client, access, panel, marzban):
        name = account_of(access).name
        marzban.emu("POST", "lose", username=name)
        send(client, panel, [event(name, "user_deleted", by={"username": "root"})])
        pointers.read_pointed()
        reconciler.reconcile_due()
        assert list(marzban.users()) == [name]

    def test_false_alarm_costs_one_read_and_writes_nothing_to_the_panel(self, client, access, panel, marzban):
        marzban.forget_calls()
        lies = [
            event(account_of(access).name, action, by=None) for action in ("user_deleted", "user_expired")
        ]
        for _ in range(5):
            send(client, panel, lies)
        pointers.read_pointed()
        access.refresh_from_db()
        assert [call["call"].split("/api/")[0] for call in marzban.calls()] == ["GET "]
        assert not access.is_dirty and not SyncRun.objects.exists() and not pointed()

    def test_what_we_did_ourselves_is_not_looked_at(self, client, access, panel):
        echo = [event(account_of(access).name, by={"username": panel.username})]
        send(client, panel, echo)
        assert not pointed()
        PanelAccount.objects.update(observed_at=clock.now() - timedelta(minutes=5))
        send(client, panel, echo)  # under our name, but not by us just now
        assert pointed()

    def test_reads_per_round_are_bounded(self, client, panel, marzban, monkeypatch):
        monkeypatch.setattr(pointers, "READS_PER_ROUND", 2)
        names = served(panel, 5)
        send(client, panel, [event(name) for name in names * 3])
        assert len(pointed()) == 5
        assert [pointers.read_pointed() for _ in range(4)] == [2, 2, 1, 0]

    def test_flood_becomes_one_full_sync(self, client, panel):
        flood = [event(f"user_{number}") for number in range(pointers.MOST_NAMES + 1)]
        for _ in range(3):
            assert send(client, panel, flood) == 200
        assert Job.objects.filter(kind="panel_sync").count() == 1
        Job.objects.all().delete()
        Panel.objects.update(synced_at=clock.now())
        send(client, panel, flood)
        assert not Job.objects.exists()

    def test_batch_too_large_to_read_becomes_one_too(self, client, panel, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        assert send(client, panel, [event("x")] * 20) == 200
        assert Job.objects.filter(kind="panel_sync").count() == 1

    def test_many_waiting_become_one_too(self, client, panel, monkeypatch):
        monkeypatch.setattr(pointers, "WORTH_A_SYNC", 3)
        send(client, panel, [event(name) for name in served(panel, 5)])
        assert pointers.read_pointed() == 0
        assert Job.objects.filter(kind="panel_sync").count() == 1 and not pointed()

    def test_panel_that_went_away_is_looked_at_later(self, client, access, panel, marzban):
        send(client, panel, [event(account_of(access).name)])
        marzban.outage(True)
        assert pointers.read_pointed() == 0 and pointed()
        marzban.outage(False)
        assert pointers.read_pointed() == 1 and not pointed()

    def test_looking_costs_no_more_queries_for_many(self, client, panel, django_assert_max_num_queries):
        for count in (3, 9):
            PanelAccount.objects.all().delete()
            names = served(panel, count)
            send(client, panel, [event(name) for name in names])
            with django_assert_max_num_queries(13):  # one less where the panel shows the very same links
                pointers.read_pointed()


def test_what_the_panel_itself_sends_leads_to_a_repair(live_db, installation, live_server, marzban):
    panel = make_panel(marzban, webhook_secret=SECRET)
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    name = account_of(access).name
    address = f"{live_server.url}/webhooks/marzban/{panel.pk}"
    marzban.emu("POST", "panel", webhook={"addresses": [address], "secret": SECRET, "interval": 0})
    with marzban.http.put(
        f"{marzban.address}/api/user/{name}", json={"status": "disabled"}, headers=login(marzban)
    ) as answer:
        assert answer.json()["status"] == "disabled"
    wait_for(lambda: pointed() == {name})
    assert pointers.read_pointed() == 1
    reconciler.reconcile_due()
    assert marzban.users()[name]["can_connect"]


def wait_for(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def served(panel: Panel, count: int) -> list[str]:
    accesses = [want_access() for _ in range(count)]
    while reconciler.reconcile_due():
        pass
    return [account_of(access).name for access in accesses]


def login(marzban) -> dict[str, str]:
    answer = marzban.http.post(
        f"{marzban.address}/api/admin/token", data={"username": "root", "password": "root"}
    )
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
