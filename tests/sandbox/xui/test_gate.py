"""Who is let in to the panel's API, and how each version says no."""

import time

import pytest

from sandbox.xui.totp import code_at
from tests.sandbox.xui.owner import Owner, client

SECRET = "JBSWY3DPEHPK3PXP"
LIST = "panel/api/inbounds/list"
WRONG = "Invalid username or password or two-factor code."


def test_the_codes_are_those_of_the_standard():
    """RFC 6238, appendix B, the last six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [code_at(secret, moment) for moment in (59, 1111111109, 20000000000)] == [
        "287082",
        "081804",
        "353130",
    ]


def test_a_login_takes_a_form_or_json(xui_legacy):
    owner = Owner(xui_legacy)
    body = {"username": xui_legacy.username, "password": xui_legacy.password}
    assert owner.said("POST", "login", json=body)["success"]
    assert owner.obj("GET", LIST)


def test_a_wrong_password_is_an_answer_of_200(xui_legacy):
    assert Owner(xui_legacy).log_in(password="bad") == {"success": False, "msg": WRONG, "obj": None}


def test_a_second_factor_is_the_code_of_this_step_alone(xui_legacy):
    xui_legacy.set(totp_secret=SECRET)
    owner = Owner(xui_legacy)
    assert not owner.log_in()["success"]
    assert not owner.log_in(twoFactorCode=code_at(SECRET, time.time() - 60))["success"]
    assert owner.log_in(twoFactorCode=code_at(SECRET, time.time()))["success"]


@pytest.mark.parametrize(
    ("version", "ajax", "plain"),
    [
        ("2.6.0", 401, 307),
        ("2.8.3", 401, 307),
        ("2.8.4", 404, 404),
        ("2.9.4", 404, 404),
        ("3.0.1", 404, 404),
        ("3.0.2", 401, 404),
        ("3.5.0", 401, 404),
    ],
)
def test_who_is_not_logged_in_is_told_so_by_version(xui_legacy, version, ajax, plain):
    xui_legacy.set_version(version)
    owner = Owner(xui_legacy)
    assert owner.call("GET", LIST).status_code == ajax
    del owner.http.headers["X-Requested-With"]
    assert owner.call("GET", LIST).status_code == plain


def test_a_session_ends_a_fixed_time_after_login_however_it_is_used(legacy):
    for _ in range(2):
        legacy.world.advance(3 * 3600 - 60)
        assert legacy.call("GET", LIST).status_code == 200
    legacy.world.advance(180)
    assert legacy.call("GET", LIST).status_code == 404
    legacy.log_in()
    legacy.world.log_everybody_out()
    assert legacy.call("GET", LIST).status_code == 404


def test_version_3_wants_a_token_against_forged_forms(xui_clients):
    owner = Owner(xui_clients)
    assert owner.call("POST", "login", data={"username": "owner"}).status_code == 403
    assert owner.log_in_with_csrf()["success"]
    assert owner.obj("POST", "panel/api/clients/onlines") == []
    del owner.http.headers["X-CSRF-Token"]
    response = owner.call("POST", "panel/api/clients/onlines")
    assert (response.status_code, response.content) == (403, b"")
    assert owner.obj("GET", LIST)


def test_version_2_has_no_such_token(xui_legacy):
    assert Owner(xui_legacy).call("GET", "csrf-token").status_code == 404


def test_a_token_opens_the_api_from_version_3_on(xui_clients):
    owner = Owner(xui_clients).bear()
    assert owner.obj("GET", "panel/api/server/status")["panelVersion"] == "3.5.0"
    assert owner.bear("wrong").call("GET", LIST).status_code == 401
    xui_clients.set_version("2.9.4")
    assert owner.bear().call("GET", LIST).status_code == 404


def test_five_wrong_passwords_close_the_door_for_a_quarter_of_an_hour(xui_clients):
    owner = Owner(xui_clients)
    for _ in range(5):
        assert owner.log_in_with_csrf(password="bad")["msg"] == WRONG
    assert owner.log_in_with_csrf()["msg"] == WRONG
    xui_clients.advance(16 * 60)
    assert owner.log_in_with_csrf()["success"]


def test_version_2_lets_everybody_guess(xui_legacy):
    owner = Owner(xui_legacy)
    for _ in range(6):
        owner.log_in(password="bad")
    assert owner.log_in()["success"]


@pytest.mark.parametrize("version", ["2.8.9", "3.5.0"])
def test_another_host_gets_403_before_anything_else(xui_legacy, version):
    xui_legacy.set(web_domain="panel.example.com", version=version)
    owner = Owner(xui_legacy)
    assert owner.call("GET", LIST).status_code == 403
    assert owner.call("GET", LIST, headers={"Host": "panel.example.com"}).status_code in (401, 404)


def test_another_base_path_is_a_404(legacy):
    legacy.world.set(base_path="/elsewhere")
    assert legacy.call("GET", LIST).status_code == 404
    response = legacy.http.get(f"{legacy.world.origin}/elsewhere/{LIST}", timeout=5)
    assert response.json()["success"]


@pytest.mark.parametrize(("version", "path"), [("2.8.11", "/"), ("2.9.0", "/xui-sandbox/")])
def test_the_cookie_follows_the_base_path_from_2_9_0_on(xui_legacy, version, path):
    xui_legacy.set_version(version)
    owner = Owner(xui_legacy)
    owner.log_in()
    assert next(iter(owner.http.cookies)).path == path


def test_version_3_0_writes_the_old_way_under_the_new_locks(xui_legacy):
    xui_legacy.set_version("3.0.2")
    caller = Owner(xui_legacy).bear()
    assert caller.add(1, client("anna"))["success"]
    owner = Owner(xui_legacy)
    owner.log_in_with_csrf()
    assert owner.add(1, client("boris"))["success"]
    del owner.http.headers["X-CSRF-Token"]
    assert owner.call("POST", "panel/api/inbounds/onlines").status_code == 403
    assert list(xui_legacy.users()) == ["anna", "boris"]


@pytest.mark.parametrize(("version", "status"), [("3.3.1", 200), ("3.4.0", 413)])
def test_bodies_over_ten_megabytes_are_refused_from_3_4_0_on(modern, version, status):
    modern.world.set_version(version)
    body = "[" + " " * 10 * 2**20 + "]"
    headers = {"Content-Type": "application/json"}
    answer = modern.call("POST", "panel/api/clients/bulkCreate", data=body, headers=headers)
    assert answer.status_code == status
