"""Counters, ends and limits, which the panel looks at by a poll; what each version makes of them."""

import pytest

from tests.sandbox.xui.owner import client

DAY_MS = 86_400_000


def end_in(owner, seconds: float) -> int:
    """The panel's clock so many seconds on, in milliseconds."""
    return int((owner.world.emu("GET", "clock")["now"] + seconds) * 1000)


def let_poll(owner) -> None:
    owner.world.emu("POST", "poll")


def test_traffic_is_counted_at_the_poll(legacy):
    legacy.add(1, client("anna"))
    legacy.world.traffic("anna", 800, later=True)
    assert legacy.row("anna")["up"] + legacy.row("anna")["down"] == 0
    legacy.world.advance(10)
    row = legacy.row("anna")
    assert (row["up"] + row["down"], row["allTime"]) == (800, 800)
    assert row["lastOnline"] > 0
    assert legacy.obj("POST", "panel/api/inbounds/onlines") == ["anna"]
    assert legacy.obj("POST", "panel/api/inbounds/lastOnline") == {"anna": row["lastOnline"]}
    legacy.world.advance(60)
    assert legacy.obj("POST", "panel/api/inbounds/onlines") is None


def test_nobody_moves_bytes_whom_the_core_keeps_out(legacy):
    legacy.add(1, client("anna", enable=False))
    with pytest.raises(AssertionError, match="409"):
        legacy.world.traffic("anna", 5)


@pytest.mark.parametrize("ends", ["limit", "time"])
@pytest.mark.parametrize(("version", "flag_stays"), [("2.8.9", True), ("2.9.3", True), ("2.9.4", False)])
def test_who_runs_out_is_cut_off_by_the_next_poll(legacy, version, flag_stays, ends):
    legacy.world.set_version(version)
    how = {"totalGB": 100} if ends == "limit" else {"expiryTime": end_in(legacy, 60)}
    legacy.add(1, client("anna", **how))
    if ends == "limit":
        legacy.world.traffic("anna", 100)
    legacy.world.advance(70)
    user = legacy.world.users()["anna"]
    assert (user["can_connect"], user["status"]) == (False, "limited" if ends == "limit" else "expired")
    assert (user["enable"], user["row_enable"]) == (flag_stays, False)
    assert legacy.stored(1)[0]["enable"] is flag_stays


def test_a_client_switched_off_by_hand_keeps_its_row_on_until_2_9_4(legacy):
    legacy.add(1, client("anna"))
    off = client("anna", enable=False)
    legacy.write(f"updateClient/{off['id']}", 1, off)
    assert legacy.obj("GET", "panel/api/inbounds/list")[0]["clientStats"][0]["enable"] is True
    assert legacy.row("anna")["enable"] is False
    legacy.world.set_version("2.8.0")
    assert legacy.row("anna")["enable"] is True
    legacy.world.set_version("2.9.4")
    legacy.log_in()
    legacy.write(f"updateClient/{off['id']}", 1, off)
    assert legacy.obj("GET", "panel/api/inbounds/list")[0]["clientStats"][0]["enable"] is False


@pytest.mark.parametrize(("version", "is_let_in"), [("2.8.0", True), ("2.8.9", False), ("2.9.0", True)])
def test_a_reset_after_running_out_reaches_the_core_by_version(legacy, version, is_let_in):
    legacy.world.set_version(version)
    legacy.add(1, client("anna", totalGB=100))
    legacy.world.traffic("anna", 100)
    assert legacy.obj("POST", "panel/api/inbounds/1/resetClientTraffic/anna") is None
    assert legacy.world.users()["anna"]["can_connect"] is is_let_in
    again = client("anna", totalGB=100)
    legacy.write(f"updateClient/{again['id']}", 1, again)
    assert legacy.world.users()["anna"]["can_connect"]
    assert legacy.world.users()["anna"]["used_traffic"] == 0


def test_on_2_9_4_one_who_runs_out_restarts_the_core_for_all(legacy):
    legacy.world.set_version("2.9.4")
    legacy.add(1, client("anna", totalGB=10), client("boris"))
    before = legacy.world.set()["restarts"]
    legacy.world.traffic("anna", 10)
    assert legacy.world.set()["restarts"] == before + 1
    assert legacy.world.users()["boris"]["can_connect"]


def test_a_length_of_time_becomes_an_end_at_the_first_traffic(legacy):
    legacy.add(1, client("anna", expiryTime=-30 * DAY_MS))
    legacy.world.advance(3600)
    assert legacy.world.users()["anna"]["status"] == "on_hold"
    now = end_in(legacy, 0)
    legacy.world.traffic("anna", 5)
    assert 0 <= legacy.stored(1)[0]["expiryTime"] - (now + 30 * DAY_MS) < 20_000
    assert legacy.row("anna")["expiryTime"] == legacy.stored(1)[0]["expiryTime"]


def test_the_poll_that_rewrites_settings_is_undone_by_a_writer_who_had_read_them(legacy):
    """The reason not to leave ends to the panel's own arithmetic."""
    legacy.add(1, client("anna", expiryTime=-DAY_MS), client("boris"))
    before = legacy.world.users()["anna"]["client"]
    legacy.world.traffic("anna", 5)
    assert legacy.world.users()["anna"]["client"]["expiryTime"] > 0
    legacy.write(f"updateClient/{before['id']}", 1, before)
    assert legacy.world.users()["anna"]["client"]["expiryTime"] == -DAY_MS


def test_a_client_that_renews_itself_starts_a_new_period(legacy):
    legacy.add(1, client("anna", expiryTime=end_in(legacy, 60), reset=30))
    legacy.world.traffic("anna", 100)
    legacy.world.advance(70)
    user = legacy.world.users()["anna"]
    assert (user["can_connect"], user["used_traffic"]) == (True, 0)


@pytest.mark.parametrize(("version", "is_on"), [("3.3.0", False), ("3.3.1", True)])
def test_a_reset_switches_on_again_from_3_3_1(modern, version, is_on):
    modern.world.set_version(version)
    modern.create(1, email="anna", totalGB=10)
    modern.world.traffic("anna", 10)
    assert modern.get("anna")["client"]["enable"] is False
    modern.post("resetTraffic/anna")
    assert modern.world.users()["anna"]["can_connect"] is is_on


@pytest.mark.parametrize(("version", "is_on"), [("3.4.1", False), ("3.5.0", True)])
def test_adjusting_many_switches_on_who_had_run_out_from_3_5_0(modern, version, is_on):
    modern.world.set_version(version)
    modern.create(1, email="anna", expiryTime=end_in(modern, 60))
    modern.world.advance(70)
    assert not modern.world.users()["anna"]["can_connect"]
    modern.post("bulkAdjust", emails=["anna"], addDays=30)
    assert modern.world.users()["anna"]["can_connect"] is is_on


def test_one_client_has_one_counter_whatever_inbound_it_uses(modern):
    modern.create(1, 2, email="anna", totalGB=100)
    modern.world.traffic("anna", 60)
    row = modern.obj("GET", "panel/api/clients/traffic/anna")
    assert (row["up"] + row["down"], row["total"], row["subId"]) == (60, 100, "sub-anna")
    assert modern.get("anna")["usedTraffic"] == 60
    modern.world.traffic("anna", 60)
    assert modern.world.users()["anna"]["let_in_by"] == []
    modern.post("bulkResetTraffic", emails=["anna"])
    assert modern.world.users()["anna"]["used_traffic"] == 0


def test_a_deleted_client_may_leave_its_counter(modern):
    modern.create(1, email="anna")
    modern.world.traffic("anna", 60)
    modern.obj("POST", "panel/api/clients/del/anna?keepTraffic=1")
    modern.create(1, email="anna")
    assert modern.get("anna")["usedTraffic"] == 60


def test_deleting_who_ran_out_takes_the_empty_inbound_along(legacy):
    legacy.add(1, client("anna", totalGB=10))
    legacy.world.traffic("anna", 10)
    legacy.obj("POST", "panel/api/inbounds/delDepletedClients/1")
    assert [row["id"] for row in legacy.obj("GET", "panel/api/inbounds/list")] == [2, 3, 4, 5]
