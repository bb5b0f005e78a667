"""What Marzban makes difficult, over the stand-in's HTTP."""

from datetime import UTC, datetime

import pytest

from tests.vpnpanel.drivers.conftest import NAME, STOPPED, UNTIL, WANTED, Case
from tests.world import PanelWorld
from vpnpanel.drivers.base import Desired, PanelDriver
from vpnpanel.errors import AccountFailed, PanelDown, PanelRefused


@pytest.fixture
def case(marzban_case: Case):
    yield marzban_case
    for driver in marzban_case.made:
        driver.close()


@pytest.fixture
def connect(case: Case):
    return case.connect


@pytest.fixture
def driver(case: Case) -> PanelDriver:
    return case.connect()


def calls(marzban: PanelWorld) -> list[str]:
    return [call["call"].replace(NAME, "NAME") for call in marzban.calls()]


class TestMarzban:
    def test_unknown_status_counts_as_not_working(self, driver, marzban):
        marzban.emu("POST", "users", username=NAME, owner="shop", status="meditating")
        shown = driver.get_account(NAME)
        assert (shown.status, shown.is_enabled) == ("meditating", False)

    def test_create_costs_one_call_and_change_costs_one(self, driver, marzban):
        driver.put_account("abc123_other", WANTED, is_new=True)  # logs in, reads the inbounds
        marzban.forget_calls()
        driver.put_account(NAME, WANTED, is_new=True)
        driver.put_account(NAME, WANTED)
        assert calls(marzban) == ["POST /api/user", "PUT /api/user/NAME"]

    def test_trap_1_inbounds_are_always_named(self, driver, marzban):
        driver.put_account(NAME, WANTED, is_new=True)
        sent = marzban.calls("POST /api/user")[0]["parameters"]
        assert sent["inbounds"] == {"vless": ["VLESS TCP REALITY", "VLESS WS TLS"]}

    def test_trap_1_only_chosen_inbounds_are_sold(self, connect):
        driver = connect(inbounds={"vless": ["VLESS TCP REALITY"], "trojan": []})
        (link,) = driver.put_account(NAME, WANTED, is_new=True).links
        assert "security=reality" in link and "flow=xtls-rprx-vision" in link

    def test_account_without_links_is_refused(self, driver, marzban):
        marzban.emu("POST", "panel", inbounds=[], hosts={})
        with pytest.raises(PanelRefused):
            driver.put_account(NAME, WANTED, is_new=True)

    def test_renamed_inbound_is_found_at_once(self, driver, marzban):
        driver.put_account(NAME, WANTED, is_new=True)
        renamed = {"tag": "NEW", "protocol": "vless", "network": "tcp", "tls": "none", "port": 443}
        marzban.emu("POST", "panel", inbounds=[renamed])
        assert driver.put_account("abc123_second", WANTED, is_new=True).links
        assert driver.put_account(NAME, WANTED).links

    def test_mistyped_inbound_sells_nothing_but_still_lets_us_cut_off(self, connect, driver, marzban):
        driver.put_account(NAME, WANTED, is_new=True)
        mistyped = connect(inbounds={"vless": ["NOPE"]})
        with pytest.raises(PanelRefused):
            mistyped.put_account(NAME, WANTED)
        mistyped.put_account(NAME, STOPPED)
        assert not marzban.users()[NAME]["can_connect"]

    def test_trap_2_row_broken_by_an_earlier_create_is_replaced(self, driver, marzban):
        poison(marzban, NAME)
        shown = driver.put_account(NAME, WANTED, is_new=True)
        assert shown.until == UNTIL and not marzban.users()[NAME]["poisoned"]

    def test_trap_2_known_account_is_never_thrown_away(self, driver, marzban):
        driver.put_account(NAME, WANTED, is_new=True)
        marzban.fail(f"* /api/user/{NAME}", "error", status=500)
        with pytest.raises(AccountFailed):
            driver.put_account(NAME, WANTED)
        assert "DELETE /api/user/NAME" not in calls(marzban)

    def test_trap_2_broken_row_can_be_removed(self, driver, marzban):
        poison(marzban, NAME)
        driver.remove_account(NAME)
        assert not marzban.users()

    @pytest.mark.parametrize("until", [datetime(2100, 1, 1, tzinfo=UTC), datetime(1969, 1, 1, tzinfo=UTC)])
    def test_trap_3_end_the_panel_cannot_hold_is_not_sent(self, driver, marzban, until):
        with pytest.raises(PanelRefused):
            driver.put_account(NAME, Desired(True, until, 0, "note"), is_new=True)
        assert not marzban.users()

    def test_trap_4_ownerless_account_is_cut_off_though_deleting_it_fails(self, connect, marzban):
        driver = connect(username="root", password="root")
        driver.put_account(NAME, WANTED, is_new=True)
        marzban.forget_calls()
        driver.remove_account(NAME)
        assert [call["status"] for call in marzban.calls() if call["call"].startswith("DELETE")] == [500]
        assert not marzban.users()  # no row, and no key left in the core either

    def test_trap_6_change_never_sends_proxies(self, driver, marzban):
        driver.put_account(NAME, WANTED, is_new=True)
        driver.put_account(NAME, STOPPED)
        sent = marzban.calls(f"PUT /api/user/{NAME}")[0]["parameters"]
        assert "proxies" not in sent and sent["status"] == "disabled"

    def test_name_of_somebody_else_is_left_alone(self, driver, marzban):
        marzban.emu("POST", "users", username=NAME, owner="shop", note="a friend of the owner", expire=1)
        with pytest.raises(PanelRefused, match="not ours"):
            driver.put_account(NAME, WANTED, is_new=True)
        assert marzban.users()[NAME]["expire"] == 1

    def test_account_of_another_administrator_is_refused(self, driver, marzban):
        marzban.emu("POST", "users", username=NAME, owner="root", note=WANTED.note)
        with pytest.raises(PanelRefused):
            driver.put_account(NAME, WANTED, is_new=True)

    def test_one_login_serves_many_drivers(self, connect, marzban):
        connect(username="root", password="root").figures()
        marzban.forget_calls()
        for _ in range(3):
            connect(username="root", password="root").figures()
        assert calls(marzban) == ["GET /api/system", "GET /api/core"] * 3

    def test_token_is_renewed_before_it_ends(self, connect, marzban):
        marzban.emu("POST", "panel", token_minutes=1, sudo={"username": "brief", "password": "pw"})
        driver = connect(username="brief", password="pw")
        driver.inbounds()
        driver.inbounds()
        assert calls(marzban).count("POST /api/admin/token") == 2  # a minute is within the leeway

    def test_token_the_panel_no_longer_takes_is_renewed_once(self, driver, marzban):
        driver.figures()
        marzban.reset()
        assert driver.figures().version == "0.8.4"
        assert calls(marzban)[:3] == ["GET /api/system", "POST /api/admin/token", "GET /api/system"]

    def test_token_without_end_is_used_on(self, connect, marzban):
        marzban.emu("POST", "panel", token_minutes=0, sudo={"username": "endless", "password": "pw"})
        driver = connect(username="endless", password="pw")
        driver.figures()
        driver.figures()
        assert calls(marzban).count("POST /api/admin/token") == 1

    def test_wrong_password_stops_the_whole_panel(self, connect, marzban):
        for _ in range(3):  # the panel's owner is told of each try, so there is only one
            with pytest.raises(PanelDown, match="refuses our administrator") as caught:
                connect(password="wrong").figures()
        assert caught.value.permanent
        assert calls(marzban) == ["POST /api/admin/token"]
        assert connect().figures().version

    def test_old_panel_is_warned_about(self, driver, marzban):
        body = {"version": "0.7.0", "total_user": 3, "online_users": 1}
        marzban.fail("GET /api/system", "error", status=200, body=body)
        assert "0.7.0" in driver.figures().details["warning"]

    @pytest.mark.parametrize("body", [{"version": "1.0"}, [], {"users": []}])
    def test_page_that_is_not_marzbans_means_down(self, driver, marzban, body):
        marzban.fail("GET /api/users", "error", status=200, body=body)
        with pytest.raises(PanelDown):
            next(driver.pages())

    def test_panel_that_fails_every_list_is_asked_a_dozen_times_at_most(self, driver, marzban):
        marzban.fail("GET /api/users", "error", status=500)
        with pytest.raises(AccountFailed):
            next(driver.pages())
        assert len(marzban.calls("GET /api/users")) <= 13

    def test_account_with_unreadable_numbers_fails_alone(self, driver, marzban):
        body = {"username": NAME, "status": "active", "links": [], "expire": 10**18}
        marzban.fail("GET /api/user/*", "error", status=200, body=body)
        with pytest.raises(AccountFailed):
            driver.get_account(NAME)

    def test_idle_connection_closed_by_the_panel_is_not_an_outage(self, driver, marzban):
        driver.figures()
        marzban.fail("GET /api/system", "refuse", times=1)
        assert driver.figures().version == "0.8.4"


def poison(marzban: PanelWorld, name: str) -> None:
    """Leave a row that the panel cannot show: its end is in milliseconds."""
    wish = {"username": name, "owner": "shop", "note": WANTED.note, "expire": 1_900_000_000_000}
    marzban.http.post(f"{marzban.address}/_emu/users", json=wish)
    assert marzban.users()[name]["poisoned"]
