"""What only the sandbox can do to a panel: traffic, losses, restores, strangers, delay, and a look at it."""

import time

import pytest
import requests


def test_a_working_link_connects_until_the_user_is_disabled(shop):
    link = shop.make("anna")["links"][0]
    assert shop.world.emu("POST", "connect", link=link) == {"connects": True, "username": "anna"}
    shop.put("anna", status="disabled")
    assert shop.world.emu("POST", "connect", link=link)["connects"] is False


def test_a_stopped_core_lets_nobody_in(shop):
    link = shop.make("anna")["links"][0]
    shop.world.emu("POST", "panel", core_started=False)
    assert shop.call("GET", "/api/core").json()["started"] is False
    assert shop.world.emu("POST", "connect", link=link)["connects"] is False
    assert not shop.account("anna")["can_connect"]


@pytest.mark.parametrize("garbage", ["", "vmess://!!", "vless://", "nonsense"])
def test_garbage_does_not_connect(shop, garbage):
    shop.make("anna")
    assert shop.world.emu("POST", "connect", link=garbage)["connects"] is False


def test_a_lost_user_is_gone_from_panel_and_core(shop):
    link = shop.make("anna")["links"][0]
    shop.world.emu("POST", "lose", username="anna")
    assert shop.call("GET", "/api/user/anna").status_code == 404
    assert shop.world.emu("POST", "connect", link=link)["connects"] is False


def test_a_lost_user_may_leave_a_key_behind(shop):
    shop.make("anna")
    shop.world.emu("POST", "lose", username="anna", keep_key=True)
    account = shop.account("anna")
    assert (account["zombie"], account["status"], account["can_connect"]) == (True, "zombie", True)


def test_a_restored_panel_knows_what_it_knew_then(shop):
    link = shop.make("anna", note="before")["links"][0]
    shop.world.emu("POST", "snapshot")
    shop.put("anna", note="after", status="disabled")
    shop.make("boris")
    shop.world.emu("POST", "restore")
    assert shop.get("anna")["note"] == "before"
    assert shop.call("GET", "/api/user/boris").status_code == 404
    assert shop.world.emu("POST", "connect", link=link)["connects"]


def test_strangers_users_are_made_straight_in_any_state(shop, root):
    shop.world.emu("POST", "users", username="stranger", status="on_hold", on_hold_expire_duration=60)
    shop.world.emu("POST", "users", username="ours", owner="shop", used_traffic=5, expire=shop.now + 60)
    assert shop.call("GET", "/api/user/stranger").status_code == 403
    assert shop.get("ours")["used_traffic"] == 5
    assert root.call("GET", "/api/users").json()["total"] == 2


def test_the_newest_users_may_be_asked_for_alone(shop):
    for name in ("anna", "boris", "claire"):
        shop.make(name)
    newest = requests.get(f"{shop.world.address}/_emu/users?limit=2", timeout=5).json()
    assert [user["username"] for user in newest] == ["boris", "claire"]


def test_latency_delays_every_call_of_the_panel(shop):
    shop.world.emu("POST", "latency", ms=60)
    began = time.monotonic()
    shop.call("GET", "/api/admin")
    assert time.monotonic() - began >= 0.06


def test_the_panels_page_lists_users_and_zombies_without_running_their_text(root):
    root.make("anna", note="<script>alert(1)</script>", data_limit=2**30)
    root.make("boris")
    root.call("DELETE", "/api/user/boris")
    page = requests.get(root.world.address + "/", timeout=10).text
    assert "anna" in page and "of 1.0 GB" in page and "zombie" in page
    assert "<script>" not in page and "http-equiv" in page


def test_changes_are_told_to_the_hub(box, shop):
    async def listen():
        return box.server.hub.subscribe()

    events = box.run(listen())
    shop.make("anna")
    shop.call("DELETE", "/api/user/anna")
    told = [box.run(anext(events)) for _ in range(2)]
    assert [event["kind"] for event in told] == ["marzban.user", "marzban.user_deleted"]
    assert {event["panel"] for event in told} == {"marzban"}
    events.close()


def seconds_of_calls(client, prefix):
    began = time.monotonic()
    for n in range(30):
        client.make(f"{prefix}_{n}")
        client.get(f"{prefix}_{n}")
        client.put(f"{prefix}_{n}", note="x")
    return time.monotonic() - began


def test_calls_cost_the_same_with_many_users(shop):
    seconds_of_calls(shop, "warm")
    few = seconds_of_calls(shop, "few")
    strangers = [{"username": f"stranger_{n}"} for n in range(5000)]
    assert requests.post(f"{shop.world.address}/_emu/users", json=strangers, timeout=60).ok
    assert seconds_of_calls(shop, "many") < 5 * few
