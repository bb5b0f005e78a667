"""What only the sandbox can do to a panel: losses, restores, strangers, other versions, faults."""

import json
import time

import pytest
import requests

from sandbox.server import SandboxThread
from tests.sandbox.xui.owner import Owner, body_of, client
from tests.world import XuiWorld

LIST = "panel/api/inbounds/list"


@pytest.mark.parametrize("garbage", ["", "vmess://!!", "vless://", "nonsense", "ss://x@y:1"])
def test_garbage_does_not_connect(modern, garbage):
    modern.create(1, email="anna")
    assert not modern.world.connects(garbage)


def test_a_lost_client_is_gone_from_panel_and_core(modern):
    modern.create(1, 2, email="anna")
    modern.world.lose("anna")
    assert modern.world.users() == {}
    assert modern.stored(1) == []


def test_a_restored_panel_knows_what_it_knew_then(modern):
    modern.create(1, email="anna", comment="before")
    modern.world.emu("POST", "snapshot")
    modern.post("update/anna", **client("anna", comment="after", enable=False))
    modern.create(1, email="boris")
    modern.world.emu("POST", "restore")
    assert modern.get("anna")["client"]["comment"] == "before"
    assert list(modern.world.users()) == ["anna"]
    assert modern.world.users()["anna"]["can_connect"]


def test_thousands_of_strangers_are_made_at_once_and_stay_as_they_are(legacy):
    began = time.monotonic()
    legacy.world.strangers(5000, inbound=2)
    assert time.monotonic() - began < 10
    before = legacy.stored(2)
    legacy.add(2, client("anna"))
    assert legacy.stored(2)[:-1] == before
    assert legacy.obj("GET", LIST)[1]["clientStats"][4999]["email"] == "stranger-4999"


def test_a_client_of_somebody_else_may_have_any_fields(modern):
    made = modern.world.make_user("anna", inbounds=[1, 3], totalGB=9, used_traffic=5, somethingNew=[1])
    assert (made["data_limit"], made["used_traffic"], made["let_in_by"]) == (9, 5, [1, 3])
    assert modern.get("anna")["client"]["somethingNew"] == [1]
    with pytest.raises(AssertionError, match="400"):
        modern.world.make_user("anna")


def test_an_upgrade_to_the_clients_dialect_keeps_everybody(legacy):
    legacy.add(1, client("anna", comment="order 7"))
    assert legacy.call("GET", "panel/api/clients/list").status_code == 404
    legacy.world.set_version("3.5.0")
    legacy.bear()
    assert legacy.get("anna")["client"]["comment"] == "order 7"
    assert legacy.get("anna")["client"]["uuid"] == client("anna")["id"]
    body = {"id": 1, "settings": json.dumps({"clients": [client("boris")]})}
    assert legacy.call("POST", "panel/api/inbounds/addClient", json=body).status_code == 404


@pytest.mark.parametrize("version", ["2.4.0", "two", ""])
def test_versions_it_does_not_know_are_refused(xui_legacy, version):
    with pytest.raises(AssertionError, match="400"):
        xui_legacy.set(version=version)


def test_a_busy_database_is_an_answer_of_200(modern):
    modern.world.fail("POST /panel/api/clients/*", "error", times=1)
    error = modern.error("POST", "panel/api/clients/add", json=body_of(1, email="anna"))
    assert error == "Something went wrong (database is locked)"
    assert modern.world.users() == {}
    modern.world.fail("POST /panel/api/clients/*", "error", times=1, status=500)
    crashed = modern.call("POST", "panel/api/clients/add", json=body_of(1, email="anna"))
    assert (crashed.status_code, crashed.content) == (500, b"")


def test_a_lost_answer_leaves_the_work_done_and_a_repeat_finds_it(legacy):
    legacy.world.fail("POST /panel/api/inbounds/addClient", "lost", times=1)
    with pytest.raises(requests.ConnectionError):
        legacy.add(1, client("anna"))
    assert "Duplicate email: anna" in legacy.add(1, client("anna"))["msg"]


def test_a_web_page_or_nothing_may_come_instead_of_an_answer(legacy):
    legacy.world.fail("GET *", "html", times=1, status=200)
    assert legacy.call("GET", LIST).headers["Content-Type"].startswith("text/html")
    legacy.world.fail("GET *", "refuse", times=1)
    with pytest.raises(requests.ConnectionError):
        legacy.call("GET", LIST)
    legacy.world.fail("GET *", "hang", times=1, seconds=5)
    with pytest.raises(requests.Timeout):
        legacy.http.get(f"{legacy.world.address}/{LIST}", timeout=0.2)


def test_an_outage_ends(legacy):
    legacy.world.outage(True)
    with pytest.raises(requests.ConnectionError):
        legacy.call("GET", LIST)
    legacy.world.outage(False)
    assert legacy.obj("GET", LIST)


def test_calls_are_logged_below_the_base_path_without_passwords(legacy):
    call = legacy.world.calls("POST /login")[0]
    assert call["parameters"] == {"username": "owner", "password": "***"}


def test_a_stopped_core_lets_nobody_in_and_cannot_say_who_is_there(legacy):
    legacy.add(1, client("anna"))
    legacy.world.set(core_started=False)
    assert legacy.obj("GET", "panel/api/server/status")["xray"]["state"] == "stop"
    assert not legacy.world.users()["anna"]["can_connect"]
    assert legacy.call("POST", "panel/api/inbounds/onlines").status_code == 500


def test_the_title_follows_the_language_and_the_cause_does_not(legacy):
    path = "panel/api/inbounds/get/99"
    english, russian = (
        legacy.error("GET", path, headers={"Accept-Language": language}) for language in ("en-US", "ru")
    )
    assert english != russian
    assert "(record not found)" in english and "(record not found)" in russian


def test_status_moved_with_2_7_0_and_names_its_version_from_3_1_0_on(legacy):
    assert "panelVersion" not in legacy.obj("GET", "panel/api/server/status")
    legacy.world.set_version("2.6.8")
    assert legacy.call("GET", "panel/api/server/status").status_code == 404
    assert legacy.obj("POST", "server/status")["xray"]["state"] == "running"


def test_tokens_are_made_shown_once_and_taken_back(xui_clients):
    owner = Owner(xui_clients)
    owner.log_in_with_csrf()
    made = owner.obj("POST", "panel/api/setting/apiTokens/create", json={"name": "vpn-shop"})
    assert len(made["token"]) == 48
    assert "token" not in owner.obj("GET", "panel/api/setting/apiTokens")[-1]
    caller = Owner(xui_clients).bear(made["token"])
    assert caller.obj("GET", LIST)
    owner.obj("POST", f"panel/api/setting/apiTokens/setEnabled/{made['id']}", json={"enabled": False})
    assert caller.call("GET", LIST).status_code == 401


def test_a_token_of_a_small_scope_may_only_read(xui_clients):
    xui_clients.set_version("dev+a1b2c3d")
    owner = Owner(xui_clients)
    owner.log_in_with_csrf()
    wish = {"name": "watch", "scope": "monitor"}
    made = owner.obj("POST", "panel/api/setting/apiTokens/create", json=wish)
    caller = Owner(xui_clients).bear(made["token"])
    assert caller.obj("GET", "panel/api/server/status")["panelVersion"] == "dev+a1b2c3d"
    refused = caller.call("POST", "panel/api/clients/bulkCreate", json=[])
    assert (refused.status_code, refused.json()["success"]) == (403, False)


def test_the_panels_own_subscription_sums_what_its_clients_used(legacy):
    legacy.add(1, client("anna-i1", subId="anna", totalGB=100))
    legacy.add(2, client("anna-i2", subId="anna", totalGB=50))
    legacy.world.traffic("anna-i1", 8)
    answer = requests.get(f"{legacy.world.origin}/sub/anna", timeout=5)
    assert answer.headers["Subscription-Userinfo"] == "upload=1; download=7; total=150; expire=0"
    unknown = requests.get(f"{legacy.world.origin}/sub/nobody", timeout=5)
    assert (unknown.status_code, unknown.text) == (400, "Error!")


def test_the_panels_page_shows_inbounds_and_clients_without_running_their_text(legacy):
    legacy.add(1, client("anna", comment="<script>alert(1)</script>"))
    page = requests.get(f"{legacy.world.origin}/", timeout=5).text
    assert "inbound-443" in page and "3x-ui 2.8.9" in page and "anna" in page
    assert "<script>" not in page


def test_latency_delays_every_call_of_the_panel(modern):
    modern.world.emu("POST", "latency", ms=60)
    began = time.monotonic()
    modern.call("GET", LIST)
    assert time.monotonic() - began >= 0.06


def test_the_state_outlives_the_process(tmp_path):
    saved = tmp_path / "sandbox.json"
    with SandboxThread(xui_ports=(0,), xui_versions=("2.9.3",), snapshot=saved) as box:
        owner = Owner(XuiWorld(box.addresses["xui"]))
        owner.log_in()
        owner.add(3, client("anna", comment="kept"))
    with SandboxThread(xui_ports=(0,), xui_versions=("2.9.3",), snapshot=saved) as box:
        user = XuiWorld(box.addresses["xui"]).users()["anna"]
    assert (user["note"], user["let_in_by"]) == ("kept", [3])
