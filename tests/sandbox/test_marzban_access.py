"""Who may ask what: tokens, their end, and what an ordinary admin sees."""

import time

import jwt
import pytest
import requests

from tests.sandbox.marzban_client import REALITY, PanelClient


def claims_of(client):
    token = client.http.headers["Authorization"].removeprefix("Bearer ")
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    return jwt.decode(token, options={"verify_signature": False})


def test_a_token_says_whose_it_is_and_lasts_a_day(shop):
    claims = claims_of(shop)
    assert (claims["sub"], claims["access"]) == ("shop", "admin")
    assert claims["exp"] - claims["iat"] == 1440 * 60
    assert abs(claims["iat"] - time.time()) < 5


def test_a_token_ends_with_the_panels_clock(shop):
    shop.world.emu("POST", "clock", advance=1440 * 60 + 1)
    answer = shop.call("GET", "/api/admin")
    assert (answer.status_code, answer.json()["detail"]) == (401, "Could not validate credentials")


def test_a_panel_may_give_tokens_without_end(shop):
    shop.world.emu("POST", "panel", token_minutes=0)
    shop.sign_in()
    assert "exp" not in claims_of(shop)
    shop.world.emu("POST", "clock", advance=10**9)
    assert shop.call("GET", "/api/admin").status_code == 200


def test_a_forged_token_is_refused(shop):
    forged = jwt.encode(claims_of(shop) | {"access": "sudo"}, "x" * 32, algorithm="HS256")
    shop.http.headers["Authorization"] = f"Bearer {forged}"
    assert shop.call("GET", "/api/admin").status_code == 401


def test_a_new_password_ends_older_tokens(shop, root):
    shop.world.emu("POST", "clock", advance=2)
    root.call("PUT", "/api/admin/shop", password="another", is_sudo=False)
    assert shop.call("GET", "/api/admin").status_code == 401
    PanelClient(shop.world, "shop", "another")


@pytest.fixture
def other(root):
    """Another ordinary admin, with a user of its own."""
    root.call("POST", "/api/admin", username="other", password="other", is_sudo=False)
    client = PanelClient(root.world, "other", "other")
    client.make("theirs")
    return client


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_ordinary_admin_may_not_touch_other_peoples_users(shop, other, method):
    assert (
        shop.call(method, "/api/user/theirs", **({"note": "x"} if method == "PUT" else {})).status_code == 403
    )


def test_an_ordinary_admin_sees_its_own_users_whatever_it_asks_for(shop, other, root):
    shop.make("ours")
    listed = shop.call("GET", "/api/users?admin=other").json()
    assert [user["username"] for user in listed["users"]] == ["ours"]
    assert shop.call("GET", "/api/system").json()["total_user"] == 1
    assert root.call("GET", "/api/users").json()["total"] == 2


def test_a_name_taken_by_another_admin_is_a_conflict(shop, other):
    assert shop.call("POST", "/api/user", username="theirs", **REALITY).status_code == 409


SUDO_ONLY = [
    "GET /api/hosts",
    "GET /api/nodes",
    "GET /api/admins",
    "POST /api/users/reset",
    "POST /api/core/restart",
]


@pytest.mark.parametrize("call", SUDO_ONLY)
def test_an_ordinary_admin_may_not_run_the_panel(shop, root, call):
    assert shop.call(*call.split()).status_code == 403
    assert root.call(*call.split()).status_code == 200


def test_users_of_a_removed_admin_are_nobodys(shop, other, root):
    root.call("DELETE", "/api/admin/other")
    assert root.get("theirs")["admin"] is None
    assert root.call("DELETE", "/api/user/theirs").status_code == 500


def test_eight_equal_creates_at_once_make_one_user(shop):
    from concurrent.futures import ThreadPoolExecutor

    def create(_):
        body = {"username": "anna", **REALITY}
        return requests.post(
            f"{shop.world.address}/api/user", json=body, headers=dict(shop.http.headers), timeout=10
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [200] + [409] * 7
