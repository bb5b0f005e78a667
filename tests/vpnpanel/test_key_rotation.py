"""Other keys for a customer: once on each panel, whatever breaks on the way; the old ones are dead then."""

from dataclasses import replace

import pytest
from django.db import transaction

from core import clock
from core.errors import LeaseLost
from subscriptions import services as subscriptions
from subscriptions import status
from subscriptions.status import State
from tests.factories import make_panel, make_subscription
from tests.vpnpanel.wanted import account_of, call, change, plan_for, want_access
from tests.world import PanelWorld, XuiWorld
from vpnpanel import drivers, reconciler, services
from vpnpanel.drivers.base import Credentials, Desired, PanelAddress
from vpnpanel.drivers.links import key_of
from vpnpanel.models import Access, Panel, PanelGroup
from vpnpanel.services.placement import make_plan
from vpnpanel.services.recording import finish

pytestmark = pytest.mark.django_db
NAME = "abc123_0123456789abcdef"


def connects(world: PanelWorld, link: str) -> bool:
    return world.emu("POST", "connect", link=link)["connects"]


def rotate(access: Access) -> Access:
    with transaction.atomic():
        services.rotate_keys(access.pk)
    access.refresh_from_db()
    return access


def crash_before_recording(access: Access) -> None:
    """Let the calls be made and everything after them be lost, as a killed process would."""
    call(plan_for(access))
    Access.objects.filter(pk=access.pk).update(claim_token=None, claimed_until=None)


def revocations(world: PanelWorld) -> int:
    return sum(call["call"].endswith("/revoke_sub") for call in world.calls())


@pytest.fixture
def served(panel: Panel) -> Access:
    access = want_access()
    assert reconciler.reconcile_one(access.pk)
    return access


class TestReconciler:
    def test_old_keys_stop_and_new_ones_work(self, served, marzban):
        old = account_of(served).links
        rotate(served)
        assert reconciler.reconcile_one(served.pk)
        new = account_of(served).links
        assert [connects(marzban, link) for link in (*old, *new)] == [False, False, True, True]
        assert len(marzban.users()) == 1

    def test_crash_after_the_call_rotates_once_all_the_same(self, served, marzban):
        rotate(served)
        crash_before_recording(served)
        keys = [link.split("@")[0] for link in next(iter(marzban.users().values()))["links"]]
        assert reconciler.reconcile_one(served.pk)
        assert [link.split("@")[0] for link in account_of(served).links] == keys
        assert revocations(marzban) == 1

    @pytest.mark.parametrize("broken", ["POST *", "PUT *"])
    @pytest.mark.parametrize("kind", ["lost", "refuse"])
    def test_lost_calls_converge(self, served, marzban, broken, kind):
        old = account_of(served).links
        rotate(served)
        marzban.fail(broken, kind, times=2)
        reconciler.reconcile_one(served.pk)
        Access.objects.update(next_try_at=None)
        assert reconciler.reconcile_one(served.pk)
        assert not any(connects(marzban, link) for link in old)
        assert all(connects(marzban, link) for link in account_of(served).links)

    def test_two_rotations_in_a_row_are_one_call_with_the_last_keys(self, served, marzban):
        rotate(rotate(served))
        assert reconciler.reconcile_one(served.pk)
        assert revocations(marzban) == 1 and account_of(served).key_epoch == 2

    def test_rotation_asked_for_during_the_call_is_done_after_it(self, served, marzban):
        rotate(served)
        plan = plan_for(served)
        results = call(plan)
        rotate(served)
        assert finish(plan, results)
        first = account_of(served)
        assert first.key_epoch == 1
        assert reconciler.reconcile_one(served.pk)
        assert account_of(served).key_epoch == 2 and account_of(served).links != first.links

    def test_later_changes_keep_the_new_keys(self, served, marzban):
        rotate(served)
        reconciler.reconcile_one(served.pk)
        keys = [link.split("@")[0] for link in account_of(served).links]
        change(served, traffic_limit=5)
        assert reconciler.reconcile_one(served.pk)
        assert [link.split("@")[0] for link in account_of(served).links] == keys
        assert revocations(marzban) == 1

    def test_account_that_is_off_gets_other_keys_too(self, served, marzban):
        old = account_of(served).links
        change(served, is_enabled=False)
        rotate(served)
        assert reconciler.reconcile_one(served.pk)
        assert not next(iter(marzban.users().values()))["can_connect"]
        change(served, is_enabled=True)
        assert reconciler.reconcile_one(served.pk)
        assert not any(connects(marzban, link) for link in old)

    def test_account_the_panel_lost_is_made_with_keys_of_its_own(self, served, marzban):
        old = account_of(served).links
        rotate(served)
        marzban.emu("POST", "lose", username=account_of(served).name)
        assert reconciler.reconcile_one(served.pk)
        assert account_of(served).key_epoch == 1
        assert not set(account_of(served).links) & set(old)

    def test_panel_that_is_away_gets_its_turn_when_it_is_back(self, served, marzban, panel):
        old = account_of(served).links
        rotate(served)
        marzban.outage(True)
        assert not reconciler.reconcile_one(served.pk)
        marzban.outage(False)
        Panel.objects.update(is_up=True)
        Access.objects.update(next_try_at=None)
        assert reconciler.reconcile_one(served.pk)
        assert not any(connects(marzban, link) for link in old)

    def test_lost_claim_records_nothing(self, served):
        rotate(served)
        plan = plan_for(served)
        results = call(plan)
        Access.objects.update(claim_token=None)
        assert not finish(plan, results) and account_of(served).key_epoch == 0
        with pytest.raises(LeaseLost):
            make_plan(plan.access, None)


class TestMarzban:
    @pytest.fixture
    def driver(self, marzban):
        address = PanelAddress(marzban.address, marzban.username, marzban.password)
        driver = drivers.connect("marzban", address, read_seconds=5)
        yield driver
        driver.close()

    @pytest.fixture
    def wanted(self):
        return Desired(True, clock.now() + clock.DAY, 7, "note", credentials=Credentials.fresh())

    def test_every_protocol_gets_our_keys_and_keeps_its_flow_and_cipher(self, driver, marzban, wanted):
        protocols = [("vless", "reality"), ("vmess", "none"), ("trojan", "none"), ("shadowsocks", "none")]
        inbounds = [
            {"tag": p, "protocol": p, "network": "tcp", "tls": tls, "port": 443} for p, tls in protocols
        ]
        marzban.emu("POST", "panel", inbounds=inbounds)
        driver.put_account(NAME, replace(wanted, credentials=Credentials.fresh()), is_new=True)
        old = marzban.users()[NAME]["links"]
        driver.rotate_account(NAME, wanted)
        sent = marzban.calls(f"PUT /api/user/{NAME}")[-1]["parameters"]["proxies"]
        assert (sent["vless"]["flow"], sent["shadowsocks"]["method"]) == (
            "xtls-rprx-vision",
            "chacha20-ietf-poly1305",
        )
        new = marzban.users()[NAME]["links"]
        assert len(old) == len(new) == len(protocols)
        assert [connects(marzban, link) for link in old + new] == [False] * 4 + [True] * 4
        keys = wanted.credentials
        assert {link.split("://")[0] for link in new if keys.uuid in link or keys.password in link} == {
            "vless",
            "trojan",
        }

    def test_link_to_the_panels_own_feed_ends(self, driver, marzban, wanted):
        driver.put_account(NAME, replace(wanted, credentials=Credentials.fresh()), is_new=True)
        feed = marzban.address + marzban.users()[NAME]["subscription_url"]
        assert marzban.http.get(feed).status_code == 200
        marzban.emu("POST", "clock", advance=2)
        driver.rotate_account(NAME, wanted)
        assert marzban.http.get(feed).status_code == 404

    def test_repeat_gives_terms_but_no_other_keys(self, driver, marzban, wanted):
        driver.put_account(NAME, replace(wanted, credentials=Credentials.fresh()), is_new=True)
        first = driver.rotate_account(NAME, wanted)
        again = driver.rotate_account(NAME, replace(wanted, traffic_limit=9))
        assert [link.split("@")[0] for link in first.links] == [link.split("@")[0] for link in again.links]
        assert again.traffic_limit == 9 and revocations(marzban) == 1


class TestCustomer:
    @pytest.fixture
    def subscription(self, installation, marzban):
        make_panel(marzban)
        subscription = make_subscription()
        assert reconciler.reconcile_one(subscription.access_id)
        return subscription

    def test_link_and_keys_change_together(self, subscription, client, marzban):
        old = account_of(subscription.access).links
        new = subscriptions.rotate_link(subscription.pk, actor="olga", keys=True)
        assert client.get(f"/s/{subscription.token}").status_code == 404
        assert reconciler.reconcile_one(subscription.access_id)
        assert client.get(f"/s/{new.token}").status_code == 200
        assert not any(connects(marzban, link) for link in old)

    def test_link_alone_leaves_the_keys(self, subscription, marzban):
        old = account_of(subscription.access).links
        subscriptions.rotate_link(subscription.pk, actor="olga")
        subscription.access.refresh_from_db()
        assert not subscription.access.is_dirty
        assert all(connects(marzban, link) for link in old)

    def test_keys_about_to_die_are_not_handed_out(self, subscription):
        new = subscriptions.rotate_link(subscription.pk, actor="olga", keys=True)
        new.access.refresh_from_db()
        assert status.read(new, new.user, now=clock.now()).state == State.PENDING
        reconciler.reconcile_one(subscription.access_id)
        assert status.read(new, new.user, now=clock.now()).state == State.ACTIVE


class TestXui:
    """The same on the other kind of panel, in both of its dialects."""

    @pytest.fixture(params=["xui_clients", "xui_legacy"])
    def world(self, request) -> XuiWorld:
        return request.getfixturevalue(request.param)

    @pytest.fixture
    def served(self, installation, world) -> Access:
        signs_in = {"username": world.username, "password": world.password}
        panel = Panel.objects.create(
            name="x-1",
            kind="xui",
            base_url=world.address,
            public_host="de.example.com",
            guard="passed",
            **signs_in,
        )
        panel.groups.add(PanelGroup.objects.get(code="main"))
        access = want_access()
        assert reconciler.reconcile_one(access.pk)
        return access

    def test_old_keys_stop_and_new_ones_work_also_after_a_crash(self, served, world):
        old = account_of(served).links
        rotate(served)
        crash_before_recording(served)
        made = {link for link in old if world.connects(link)}
        assert reconciler.reconcile_one(served.pk)
        new = account_of(served).links
        assert not made and old and new
        assert not any(world.connects(link) for link in old) and all(world.connects(link) for link in new)
        assert keys_made_for(served).uuid in {key_of(link) for link in new}


def keys_made_for(access: Access) -> Credentials:
    """Return what was committed before the first call."""
    return Credentials.read(account_of(access).credentials)
