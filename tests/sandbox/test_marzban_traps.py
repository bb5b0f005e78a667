"""The ten traps of Marzban 0.8: what a shop's driver has to survive, in the contract's numbering."""

import pytest

from tests.sandbox.marzban_client import REALITY

MILLISECONDS = 1_795_438_840_000


def test_trap_1_create_without_inbounds_gives_no_link(shop):
    user = shop.shown(shop.call("POST", "/api/user", username="anna", proxies=REALITY["proxies"]))
    assert user["links"] == []
    assert not shop.account("anna")["can_connect"]


@pytest.mark.parametrize("inbounds", [{}, {"vless": []}])
def test_trap_1_empty_choice_at_create_means_all(shop, inbounds):
    user = shop.make("anna", inbounds=inbounds)
    assert user["inbounds"] == {"vless": ["VLESS TCP REALITY", "VLESS WS TLS"]}
    assert len(user["links"]) == 2


def test_empty_choice_in_a_put_means_none(shop):
    shop.make("anna")
    assert shop.put("anna", inbounds={"vless": []})["links"] == []
    assert not shop.account("anna")["can_connect"]


@pytest.mark.parametrize("body", [{}, REALITY | {"expire": MILLISECONDS}], ids=["trap 2", "trap 3"])
def test_traps_2_and_3_a_refused_create_leaves_a_row_that_breaks_lists(shop, body):
    shop.make("boris")
    created = shop.call("POST", "/api/user", username="anna", **body)
    assert (created.status_code, created.text) == (500, "Internal Server Error")
    assert created.headers["content-type"].startswith("text/plain")
    assert shop.call("GET", "/api/user/anna").status_code == 500
    assert shop.call("GET", "/api/users").status_code == 500
    assert shop.call("GET", "/api/users?limit=1").status_code == 200
    assert shop.call("DELETE", "/api/user/anna").status_code == 200
    assert shop.call("GET", "/api/users").json()["total"] == 1


def test_trap_4_deleting_an_ownerless_user_leaves_its_key_working(root):
    link = root.make("anna")["links"][0]
    assert root.call("DELETE", "/api/user/anna").status_code == 500
    assert root.call("GET", "/api/user/anna").status_code == 404
    assert root.account("anna")["zombie"]
    assert root.world.emu("POST", "connect", link=link)["connects"]


@pytest.mark.parametrize("first", ["disable", "set owner"])
def test_trap_4_has_two_ways_around(root, first):
    link = root.make("anna")["links"][0]
    if first == "disable":
        root.put("anna", status="disabled")
    else:
        root.shown(root.call("PUT", "/api/user/anna/set-owner?admin_username=shop"))
    root.call("DELETE", "/api/user/anna")
    assert not root.world.emu("POST", "connect", link=link)["connects"]


def test_a_core_restart_ends_zombies(root):
    link = root.make("anna")["links"][0]
    root.call("DELETE", "/api/user/anna")
    root.call("POST", "/api/core/restart")
    assert not root.world.emu("POST", "connect", link=link)["connects"]


def test_trap_5_a_zombies_traffic_is_billed_to_the_next_user(root, shop):
    root.make("anna")
    root.call("DELETE", "/api/user/anna")
    shop.make("boris")
    root.world.traffic("anna", 777)
    assert shop.get("boris")["used_traffic"] == 777


def test_trap_6_put_with_bare_proxies_makes_new_keys(shop):
    old = shop.make("anna")
    new = shop.put("anna", proxies={"vless": {}})
    assert new["proxies"]["vless"]["flow"] == ""
    assert new["proxies"]["vless"]["id"] != old["proxies"]["vless"]["id"]
    assert not shop.world.emu("POST", "connect", link=old["links"][0])["connects"]


def test_trap_7_any_put_without_next_plan_drops_it(shop):
    plan = {"data_limit": 5, "expire": 0}
    assert shop.make("anna", next_plan=plan)["next_plan"]["data_limit"] == 5
    assert shop.put("anna", note="x")["next_plan"] is None


def test_a_next_plan_without_limit_lies_about_a_taken_name(shop):
    answer = shop.call("POST", "/api/user", username="anna", next_plan={"expire": 0}, **REALITY)
    assert (answer.status_code, answer.json()) == (409, {"detail": "User already exists"})


def test_trap_8_reset_wakes_a_disabled_user(shop):
    shop.make("anna")
    shop.put("anna", status="disabled")
    assert shop.post("anna", "reset")["status"] == "active"
    assert shop.account("anna")["can_connect"]


def test_trap_8_reset_makes_an_on_hold_user_active_for_ever(shop):
    shop.make("anna", status="on_hold", on_hold_expire_duration=86_400)
    user = shop.post("anna", "reset")
    assert (user["status"], user["expire"]) == ("active", None)


def test_trap_9_a_panel_in_moscow_time_lets_users_live_three_hours_longer(shop):
    shop.world.emu("POST", "panel", utc_offset_seconds=3 * 3600)
    shop.make("anna", expire=shop.now + 60)
    shop.wait(2 * 3600)
    assert shop.get("anna")["status"] == "active"
    shop.wait(2 * 3600)
    assert shop.get("anna")["status"] == "expired"


def test_trap_10_each_answer_carries_another_subscription_link_and_all_work(shop):
    shop.make("anna")
    urls = []
    for _ in range(2):
        urls.append(shop.get("anna")["subscription_url"])
        shop.wait(1)
    assert urls[0] != urls[1]
    assert [shop.call("GET", url).status_code for url in urls] == [200, 200]
