"""What each dialect of 3x-ui makes difficult for itself, over the stand-in's HTTP."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.vpnpanel.drivers.conftest import KEYS, NAME, NEIGHBOUR, STOPPED, UNTIL, WANTED
from tests.vpnpanel.drivers.xui import EVERY, GB, ours
from vpnpanel.drivers.base import Credentials
from vpnpanel.drivers.xui.accounts import Part, observe
from vpnpanel.errors import AccountMissing, PanelRefused


class TestLegacy:
    def test_create_costs_one_write_and_one_look(self, legacy):
        driver = legacy.connect()
        driver.put_account("abc123_other", WANTED, is_new=True)
        legacy.world.forget_calls()
        driver.put_account(NAME, replace(WANTED, credentials=Credentials.fresh()), is_new=True)
        assert [call["call"] for call in legacy.world.calls()] == [
            "POST /panel/api/inbounds/addClient",
            "GET /panel/api/inbounds/get/1",
        ]

    def test_account_is_one_client_per_inbound_under_one_subscription(self, legacy):
        driver = legacy.connect(**EVERY)
        shown = driver.put_account(NAME, WANTED, is_new=True)
        assert sorted(user["username"] for user in ours(legacy)) == [f"{NAME}-i{n}" for n in range(1, 6)]
        assert {user["sub_id"] for user in ours(legacy)} == {KEYS.sub_id}
        assert len(shown.links) == 5 and shown.is_whole
        legacy.world.lose(f"{NAME}-i2")
        assert not driver.get_account(NAME).is_whole
        assert driver.put_account(NAME, WANTED).is_whole and len(ours(legacy)) == 5

    def test_somebody_else_s_client_called_like_a_part_of_a_taken_over_account_is_left_alone(self, legacy):
        legacy.world.make_user("john", inbounds=[1])
        legacy.world.make_user("john-i3", inbounds=[3])
        theirs = legacy.world.users()["john-i3"]["client"]
        driver = legacy.connect(inbounds={"vless": ["inbound-443"], "trojan": ["inbound-2083"]})
        listed = sorted(each.name for page in driver.pages() for each in page.accounts)
        assert listed == ["john", "john-i3", NEIGHBOUR]
        assert driver.get_account("john").inbounds == {"vless": ["inbound-443"]}
        assert driver.put_account("john", replace(WANTED, credentials=None)).is_whole
        assert sorted(each.name for page in driver.pages() for each in page.accounts) == listed
        assert len(driver.rotate_account("john", WANTED).links) == 2
        driver.put_account("john", STOPPED)
        driver.remove_account("john")
        with pytest.raises(AccountMissing):
            driver.get_account("john")
        assert legacy.world.users()["john-i3"]["client"] == theirs
        assert set(legacy.world.users()) == {"john-i3", NEIGHBOUR}

    def test_traffic_of_all_inbounds_is_one_account_s(self, legacy):
        driver = legacy.connect(inbounds={"vless": ["inbound-443", "inbound-8443"]})
        wanted = replace(WANTED, traffic_limit=3 * GB)
        driver.put_account(NAME, wanted, is_new=True)
        legacy.world.traffic(f"{NAME}-i1", GB)
        legacy.world.traffic(f"{NAME}-i2", GB)
        shown = driver.get_account(NAME)
        assert (shown.counter, shown.traffic_limit, shown.status) == (2 * GB, 3 * GB, "active")
        legacy.world.traffic(f"{NAME}-i2", GB)
        over = driver.get_account(NAME)
        assert over.counter == 3 * GB and over.traffic_limit != 3 * GB  # a difference, so it is put again
        closed = driver.put_account(NAME, wanted)
        legacy.world.emu("POST", "poll")
        assert (closed.status, closed.traffic_limit, closed.is_enabled) == ("limited", 3 * GB, True)
        assert legacy.accounts() == {NAME: False}
        assert driver.put_account(NAME, replace(wanted, traffic_limit=5 * GB)).status == "active"
        assert legacy.accounts() == {NAME: True}

    def test_traffic_of_a_client_that_was_lost_still_counts(self, legacy):
        driver = legacy.connect(inbounds={"vless": ["inbound-443", "inbound-8443"]})
        driver.put_account(NAME, WANTED, is_new=True)
        legacy.world.traffic(f"{NAME}-i1", GB)
        legacy.world.traffic(f"{NAME}-i2", GB)
        legacy.world.lose(f"{NAME}-i1", keep_row=True)
        (listed,) = [each for page in driver.pages() for each in page.accounts if each.name == NAME]
        assert driver.get_account(NAME).counter == listed.counter == 2 * GB

    def test_counter_without_a_client_s_row_is_told_apart_from_a_reset(self):
        """Clients of one name share a row: none of them lacks one."""
        first = Part({}, {"up": GB, "down": 0}, counted_as="a-i1")
        second = Part({}, {"up": GB, "down": 0}, counted_as="a-i2")
        assert observe("a", [first, second]).counters == {"a-i1": GB, "a-i2": GB}
        assert observe("a", [first, Part({}, counted_as="a-i1")]).counters == {"a-i1": GB}
        lacking = observe("a", [first, replace(second, row=None)])
        assert lacking.counters == {"a-i1": GB, "a-i2": None} and lacking.counter == GB

    def test_inbound_no_longer_sold_keeps_a_client_that_is_off(self, legacy):
        two = legacy.connect(inbounds={"vless": ["inbound-443", "inbound-8443"]})
        two.put_account(NAME, WANTED, is_new=True)
        legacy.world.traffic(f"{NAME}-i2", GB)
        one = legacy.connect()
        assert not one.get_account(NAME).is_whole
        shown = one.put_account(NAME, WANTED)
        assert (shown.is_whole, shown.counter, shown.traffic_limit) == (True, GB, 5 * GB)
        assert [user["can_connect"] for user in ours(legacy)] == [True, False] and len(shown.links) == 1

    def test_client_whose_key_cannot_be_addressed_is_said_to_need_another(self, legacy):
        legacy.world.make_user("ivan", inbounds=[3], password="with/slash")
        driver = legacy.connect(inbounds={"trojan": ["inbound-2083"]})
        with pytest.raises(PanelRefused, match="slash"):
            driver.put_account("ivan", replace(WANTED, credentials=None))
        assert legacy.calls("POST /login") == 1

    def test_last_client_of_an_inbound_is_switched_off_and_said_to_stay(self, legacy, caplog):
        driver = legacy.connect(inbounds={"vless": ["inbound-8443"]})
        driver.put_account(NAME, WANTED, is_new=True)
        driver.remove_account(NAME)
        assert "last one of its inbound" in caplog.text and legacy.accounts() == {NAME: False}
        assert driver.get_account(NAME).is_stuck
        driver.put_account("abc123_other", replace(WANTED, credentials=Credentials.fresh()), is_new=True)
        driver.remove_account(NAME)
        with pytest.raises(AccountMissing):
            driver.get_account(NAME)

    @pytest.mark.parametrize("version", ["2.6.0", "2.6.7", "2.8.0", "2.8.5", "2.9.4", "3.0.2"])
    def test_every_version_disables_renews_and_removes(self, legacy, version):
        legacy.world.set_version(version)
        driver = legacy.connect()
        driver.put_account(NAME, replace(WANTED, traffic_limit=GB), is_new=True)
        legacy.world.traffic(f"{NAME}-i1", GB)
        legacy.world.emu("POST", "poll")
        assert driver.put_account(NAME, replace(WANTED, traffic_limit=2 * GB)).is_enabled
        assert legacy.accounts() == {NAME: True}
        assert not driver.put_account(NAME, STOPPED).is_enabled
        assert legacy.accounts() == {NAME: False}
        assert driver.put_account(NAME, WANTED).is_enabled and legacy.accounts() == {NAME: True}
        (shown,) = [each for page in driver.pages() for each in page.accounts if each.name == NAME]
        assert shown.online_at is not None or version < "2.6.8"
        driver.remove_account(NAME)
        assert not legacy.accounts()


class TestClients:
    @pytest.mark.parametrize("version", ["3.1.0", "3.2.0", "3.2.5", "3.3.0", "3.4.2", "3.6.0", "dev+a1b2"])
    def test_every_version_keeps_keys_and_inbounds(self, clients, version):
        clients.world.set_version(version)
        driver = clients.connect()
        first = driver.put_account(NAME, WANTED, is_new=True)
        driver.put_account(NAME, replace(WANTED, until=UNTIL + timedelta(days=1)))
        driver.put_account(NAME, STOPPED)
        driver.put_account(NAME, WANTED, is_new=True)
        (user,) = ours(clients)
        assert (user["uuid"], user["inbounds"]) == (KEYS.uuid, [1, 2])
        assert driver.get_account(NAME).links == first.links and user["can_connect"]

    def test_id_is_always_sent(self, clients):
        driver = clients.connect()
        driver.put_account(NAME, WANTED, is_new=True)
        driver.put_account(NAME, STOPPED)
        sent = clients.world.calls(f"POST /panel/api/clients/update/{NAME}")[-1]["parameters"]
        assert (sent["id"], sent["subId"], sent["email"]) == (KEYS.uuid, KEYS.sub_id, NAME)

    def test_record_follows_the_inbounds_that_are_sold(self, clients):
        clients.connect(inbounds={"vless": ["inbound-443"]}).put_account(NAME, WANTED, is_new=True)
        more = {"vless": ["inbound-443"], "trojan": ["inbound-2083"], "vmess": ["inbound-8080"]}
        shown = clients.connect(inbounds=more).put_account(NAME, WANTED)
        assert ours(clients)[0]["inbounds"] == [1, 3, 5] and shown.is_whole
        fewer = clients.connect(inbounds={"vless": ["inbound-443"]})
        assert not fewer.get_account(NAME).is_whole
        fewer.put_account(NAME, WANTED)
        assert ours(clients)[0]["inbounds"] == [1]

    def test_record_without_an_inbound_is_attached_again(self, clients):
        driver = clients.connect()
        driver.put_account(NAME, WANTED, is_new=True)
        path = f"{clients.world.address}/panel/api/clients/{NAME}/detach"
        headers = {"Authorization": f"Bearer {clients.world.token}"}
        clients.world.http.post(path, json={"inboundIds": [1, 2]}, headers=headers).raise_for_status()
        assert len(driver.put_account(NAME, WANTED).links) == 2

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"reset": 30}, "30 days"),
            ({"resetDay": 5, "resetMax": 2}, "day 5 of the month"),
            ({"trafficReset": "monthly", "trafficResetDay": 1}, "monthly"),
            ({"trafficReset": "never", "trafficResetDay": 1, "resetDay": 0}, ""),
        ],
    )
    def test_whatever_the_panel_starts_anew_by_itself_is_said(self, clients, fields, said):
        clients.world.set_version("dev+a1b2")
        clients.world.make_user("theirs", inbounds=[1], **fields)
        assert clients.connect().get_account("theirs").resets == said

    def test_node_that_is_away_is_no_failure(self, clients):
        clients.world.set(node_offline=True)
        assert clients.connect().put_account(NAME, WANTED, is_new=True).links
