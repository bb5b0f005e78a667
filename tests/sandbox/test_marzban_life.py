"""How a user's status moves: the contract's table of PUTs, the review job, on_hold, traffic."""

import pytest

DAY = 86_400


@pytest.fixture
def make(shop):
    """Give a function that makes Anna and brings her into a status."""

    def bring(status):
        fields = {"expired": {"expire": shop.now - 60}, "limited": {"data_limit": 1000}}.get(status, {})
        if status == "on_hold":
            fields = {"status": "on_hold", "on_hold_expire_duration": DAY}
        shop.make("anna", **fields)
        if status == "limited":
            shop.world.traffic("anna", 1500)
        if status == "disabled":
            shop.put("anna", status="disabled")
        shop.wait()
        assert shop.get("anna")["status"] == status

    return bring


TABLE = [
    ("expired", {"expire": DAY}, "active", "active"),
    ("expired", {"status": "active"}, "active", "expired"),
    ("active", {"expire": -DAY}, "expired", "expired"),
    ("disabled", {"expire": DAY, "data_limit": 10**9}, "disabled", "disabled"),
    ("disabled", {"expire": DAY, "status": "active"}, "active", "active"),
    ("limited", {"expire": DAY}, "limited", "limited"),
    ("limited", {"status": "active"}, "active", "limited"),
    ("limited", {"data_limit": 5000}, "active", "active"),
    ("active", {"status": "on_hold", "on_hold_expire_duration": DAY}, "on_hold", "on_hold"),
    ("on_hold", {"expire": DAY}, "on_hold", "on_hold"),
    ("on_hold", {"expire": DAY, "status": "active"}, "active", "active"),
]


@pytest.mark.parametrize(("before", "change", "after", "ten_seconds_later"), TABLE)
def test_put_moves_the_status_as_recorded(shop, make, before, change, after, ten_seconds_later):
    make(before)
    if "expire" in change:
        change = change | {"expire": shop.now + change["expire"]}
    assert shop.put("anna", **change)["status"] == after
    shop.wait()
    assert shop.get("anna")["status"] == ten_seconds_later
    assert shop.account("anna")["can_connect"] == (ten_seconds_later in ("active", "on_hold"))


def test_a_limit_below_what_is_used_limits_at_once(shop):
    shop.make("anna", data_limit=5000)
    shop.world.traffic("anna", 1500)
    assert shop.put("anna", data_limit=1200)["status"] == "limited"


def test_an_end_in_the_past_is_noticed_within_ten_seconds_and_not_at_once(shop):
    assert shop.make("anna", expire=shop.now - 60)["status"] == "active"
    shop.wait()
    assert shop.get("anna")["status"] == "expired"


def test_traffic_counts_and_ends_at_the_limit(shop):
    shop.make("anna", data_limit=1000)
    shop.world.traffic("anna", 1500)
    shop.wait()
    user = shop.get("anna")
    assert (user["status"], user["used_traffic"], user["lifetime_used_traffic"]) == ("limited", 1500, 1500)
    assert user["online_at"] is not None
    with pytest.raises(AssertionError, match="409"):
        shop.world.traffic("anna", 1)


def test_reset_keeps_the_lifetime_and_wipes_the_history(shop):
    shop.make("anna", data_limit=1000)
    shop.world.traffic("anna", 1500)
    user = shop.post("anna", "reset")
    assert (user["status"], user["used_traffic"], user["lifetime_used_traffic"]) == ("active", 0, 1500)
    assert shop.call("GET", "/api/user/anna/usage").json()["usages"][0]["used_traffic"] == 0


@pytest.mark.parametrize("begins", ["by traffic", "by time-out"])
def test_on_hold_begins(shop, begins):
    timeout = {"on_hold_timeout": "2020-01-01T00:00:00"} if begins == "by time-out" else {}
    shop.make("anna", status="on_hold", on_hold_expire_duration=DAY, **timeout)
    if begins == "by traffic":
        shop.world.traffic("anna", 1)
    shop.wait()
    user = shop.get("anna")
    assert user["status"] == "active"
    assert abs(user["expire"] - (shop.now + DAY)) < 5
    assert user["on_hold_expire_duration"] is None


def test_a_monthly_limit_starts_again_after_thirty_days(shop):
    shop.make("anna", data_limit=1000, data_limit_reset_strategy="month")
    shop.world.traffic("anna", 1500)
    shop.wait(29 * DAY)
    assert shop.get("anna")["status"] == "limited"
    shop.wait(2 * DAY)
    assert shop.get("anna")["status"] == "active"


def test_expired_users_are_deleted_after_their_days(shop):
    shop.make("anna", expire=shop.now - 60, auto_delete_in_days=3)
    shop.wait()
    assert shop.get("anna")["status"] == "expired"
    shop.wait(4 * DAY)
    assert shop.call("GET", "/api/user/anna").status_code == 404


def test_an_inbound_added_later_appears_for_everyone(shop):
    shop.make("anna")
    inbounds = shop.call("GET", "/api/inbounds").json()["vless"]
    added = {"tag": "VLESS NEW", "protocol": "vless", "network": "ws", "tls": "none", "port": 8080}
    shop.world.emu("POST", "panel", inbounds=[*inbounds, added])
    assert shop.get("anna")["inbounds"] == {"vless": ["VLESS TCP REALITY", "VLESS NEW"]}


def test_revoke_ends_the_old_link_and_key(shop):
    old = shop.make("anna")
    shop.wait(2)
    new = shop.post("anna", "revoke_sub")
    assert shop.call("GET", old["subscription_url"]).status_code == 404
    assert shop.call("GET", new["subscription_url"]).status_code == 200
    assert not shop.world.emu("POST", "connect", link=old["links"][0])["connects"]
    assert shop.world.emu("POST", "connect", link=new["links"][0])["connects"]


def test_a_user_made_again_does_not_revive_the_old_subscription_link(shop):
    old = shop.make("anna")["subscription_url"]
    shop.call("DELETE", "/api/user/anna")
    shop.wait(2)
    shop.make("anna")
    assert shop.call("GET", old).status_code == 404
