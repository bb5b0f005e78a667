"""Keys the shop gave: a full sync sees whether a panel still has them, and the reconciler puts them back."""

from collections import Counter

import pytest
from django.db import transaction

from tests.factories import make_panel, make_xui_panel
from tests.vpnpanel.syncing import as_owner, run_sync
from tests.vpnpanel.wanted import account_of, want_access
from tests.world import AnyPanelWorld, PanelWorld
from vpnpanel import reconciler, services
from vpnpanel.diffing import diff
from vpnpanel.drivers.base import Credentials
from vpnpanel.models import Access, Panel, PanelAccount, SyncFinding
from vpnpanel.wording import difference_words

WORDS = "has the keys the shop gave it: no there, yes wanted"


def make_any_panel(world: AnyPanelWorld, **fields: object) -> Panel:
    make = make_panel if isinstance(world, PanelWorld) else make_xui_panel
    return make(world, **fields)


def serve(panel: Panel) -> Access:
    access = want_access(announce=False)
    assert reconciler.reconcile_one(access.pk)
    return Access.objects.get(pk=access.pk)


def rotate(access: Access) -> None:
    with transaction.atomic():
        services.rotate_keys(access.pk)
    assert reconciler.reconcile_one(access.pk)


@pytest.mark.parametrize("kind", ["marzban", "xui_legacy", "xui_clients"])
def test_old_key_ends_though_a_back_up_from_before_it_changed_is_put_back(installation, request, kind):
    world = request.getfixturevalue(kind)
    panel = make_any_panel(world)
    access = serve(panel)
    world.back_up()
    old = account_of(access).links
    rotate(access)
    new = account_of(access).links
    world.restore()
    assert all(world.connects(link) for link in old) and not any(world.connects(link) for link in new)
    assert [line.details for line in diff(panel, installation, Counter())] == [{"own keys": [False, True]}]
    assert run_sync().drifted == 1
    assert difference_words(SyncFinding.objects.get().details) == [WORDS]
    assert reconciler.reconcile_due() == 1
    assert not any(world.connects(link) for link in old) and all(world.connects(link) for link in new)
    assert run_sync().drifted == 0


class TestMarzban:
    @pytest.fixture
    def access(self, installation, marzban):
        """A customer of a panel with two entrances, of which one is sold."""
        marzban.emu(
            "POST",
            "panel",
            inbounds=[
                {"tag": "VLESS", "protocol": "vless", "network": "tcp", "tls": "none", "port": 443},
                {"tag": "TROJAN", "protocol": "trojan", "network": "tcp", "tls": "none", "port": 2083},
            ],
        )
        return serve(make_panel(marzban, inbounds={"vless": ["VLESS"]}))

    def test_link_to_the_panels_own_feed_ends_with_the_old_key(self, access, marzban):
        marzban.back_up()
        feed = marzban.address + marzban.users()[account_of(access).name]["subscription_url"]
        rotate(access)
        marzban.restore()
        assert marzban.http.get(feed).status_code == 200
        marzban.emu("POST", "clock", advance=2)
        run_sync()
        reconciler.reconcile_due()
        assert marzban.http.get(feed).status_code == 404

    def test_keys_of_a_customer_who_was_taken_over_are_the_panel_s(self, access, marzban):
        PanelAccount.objects.update(credentials="")
        as_owner(marzban, "POST", f"{account_of(access).name}/revoke_sub")
        assert run_sync().drifted == 0
        assert all(marzban.connects(link) for link in account_of(access).links)

    def test_protocol_sold_later_comes_to_who_is_there_already(self, access, marzban):
        (old,) = account_of(access).links
        Panel.objects.update(inbounds={"vless": ["VLESS"], "trojan": ["TROJAN"]})
        assert run_sync().drifted == 1
        assert set(SyncFinding.objects.get().details) == {"inbounds"}
        reconciler.reconcile_due()
        links = account_of(access).links
        assert {link.partition("://")[0] for link in links} == {"vless", "trojan"}
        assert all(marzban.connects(link) for link in (old, *links))
        assert not marzban.calls("POST */revoke_sub") and run_sync().drifted == 0

    def test_who_was_taken_over_keeps_to_his_protocols_until_his_keys_change(self, access):
        PanelAccount.objects.update(credentials="")
        Panel.objects.update(inbounds={"vless": ["VLESS"], "trojan": ["TROJAN"]})
        assert run_sync().drifted == 0
        rotate(access)
        assert len(account_of(access).links) == 2 and run_sync().drifted == 0


def test_every_form_of_a_password_is_one_of_ours():
    own = Credentials.fresh()
    shown = {own.uuid, own.sub_id, own.password, own.password_for(16), own.password_for(32)}
    assert own.cover(frozenset(shown)) and own.cover(frozenset())
    assert not any(own.cover(frozenset({each, "another"})) for each in shown)
