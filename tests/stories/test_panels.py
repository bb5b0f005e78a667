"""What customers live through on a panel of each kind, from the purchase to the link and past mishaps."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.test import Client

from core.models import Installation
from core.services import claim_installation, take_over_installation
from notifications.models import OutboxMessage
from subscriptions import services as subscriptions
from tests.factories import make_staff
from tests.stories.buyers import Buyer, Place, bring_about, full_sync, keys_in, take_into_service
from vpnpanel import services
from vpnpanel.models import Access, Move, Panel, PanelAccount
from vpnpanel.mover import work_moves
from vpnpanel.services import outages

KINDS = ("marzban", "xui_legacy", "xui_clients")
GIB = 2**30


@pytest.fixture(params=KINDS)
def kind(request, installation: Installation) -> str:
    return request.param


@pytest.fixture
def place(request, kind: str) -> Place:
    return take_into_service(request.getfixturevalue(kind), "nl-1")


@pytest.fixture
def elsewhere(request, place: Place, kind: str) -> Place:
    """A second panel, of the next kind; open for sale from the start."""
    other = KINDS[(KINDS.index(kind) + 1) % len(KINDS)]
    return take_into_service(request.getfixturevalue(other), "de-1")


@pytest.fixture
def anna(place: Place) -> Buyer:
    """Anna, who has bought and is served; nobody else sold to her, so it is on `place`."""
    anna = Buyer()
    anna.buys()
    bring_about()
    return anna


def has(place: Place, buyer: Buyer) -> None:
    """The panel holds what was bought, and its link leads there."""
    shown = place.shown(buyer)
    assert shown and all(user["can_connect"] for user in shown)
    assert {user["expire"] for user in shown} == {buyer.end}
    assert buyer.gets_in(place)


def test_purchase_becomes_a_link_whose_keys_the_panel_lets_in(anna, place):
    has(place, anna)
    assert len(anna.keys()) == 2
    assert OutboxMessage.objects.filter(kind="access_ready").count() == 1


def test_renewal_keeps_the_key_and_moves_the_end(anna, place):
    keys, end = anna.keys(), anna.end
    anna.buys()
    bring_about()
    has(place, anna)
    assert anna.keys() == keys and anna.end == end + 30 * 86_400


def test_limit_set_by_staff_counts_on_the_panel(anna, place):
    keys = anna.keys()
    for limit in (5 * GIB, 8 * GIB, None):
        subscriptions.change_limit(anna.subscription.pk, limit=limit, reason="asked", actor="olga")
        bring_about()
        wanted = anna.subscription.access.traffic_limit
        assert {user["data_limit"] or 0 for user in place.shown(anna)} == {wanted}
        assert limit in (None, wanted)
    has(place, anna)
    assert anna.keys() == keys


def test_disabled_gets_nowhere_and_enabled_gets_in_by_the_same_key(anna, place):
    links = anna.links()
    subscriptions.disable(anna.subscription.pk, reason="abuse", actor="olga")
    bring_about()
    assert not any(place.world.connects(link) for link in [*links, *anna.links()])
    subscriptions.enable(anna.subscription.pk, actor="olga")
    bring_about()
    has(place, anna)
    assert anna.keys() == keys_in(links)


def test_time_taken_back_shortens_and_given_back_restores(anna, place):
    links, end = anna.links(), anna.end
    source = anna.subscription.grants.get().source
    subscriptions.take_back(source=source, by="refund:1", seconds=86_400, actor="olga", reason="refund")
    bring_about()
    has(place, anna)
    assert anna.end == end - 86_400
    subscriptions.take_back(source=source, by="refund:2", actor="olga", reason="refund")
    bring_about()
    assert not any(place.world.connects(link) for link in [*links, *anna.links()])
    for by in ("refund:1", "refund:2"):
        subscriptions.give_back(by=by, actor="olga", reason="the refund failed")
    bring_about()
    has(place, anna)
    assert anna.keys() == keys_in(links) and abs(anna.end - end) <= 5  # seconds that passed stay used


def test_new_keys_let_in_and_old_ones_do_not(anna, place):
    old = anna.links()
    subscriptions.rotate_link(anna.subscription.pk, actor="olga", keys=True)
    bring_about()
    has(place, anna)
    assert not any(place.world.connects(link) for link in old)


def test_panel_restored_from_an_old_back_up_is_brought_to_today(anna, place):
    late, gone = Buyer(), Buyer()
    gone.buys()
    bring_about()
    old = anna.links()
    place.world.back_up()
    anna.buys()
    late.buys()
    subscriptions.rotate_link(anna.subscription.pk, actor="olga", keys=True)
    subscriptions.disable(gone.subscription.pk, reason="abuse", actor="olga")
    bring_about()
    before = anna.keys(), late.keys()
    place.world.restore()
    full_sync()
    has(place, anna)
    has(place, late)
    assert not any(user["can_connect"] for user in place.shown(gone))
    assert (anna.keys(), late.keys()) == before
    assert not any(place.world.connects(link) for link in old), "keys that were replaced came back"


def test_slow_panel_gets_its_account_once_while_the_other_serves(place, elsewhere):
    place.world.emu("POST", "latency", ms=100)
    place.world.fail("POST *", "hang", seconds=0.4, after=True, times=2)  # done, but nobody waited
    anna = Buyer()
    anna.buys(panel_count=0)
    bring_about()
    assert any(elsewhere.world.connects(link) for link in anna.links())
    Access.objects.update(next_try_at=None)
    place.world.emu("POST", "latency", ms=0)
    bring_about()
    assert anna.gets_in(place, elsewhere)
    assert len(place.world.users()) == len(place.shown(anna)) + ("neighbour" in place.world.users())


def test_clients_that_the_panel_lost_come_back_with_their_keys(anna, place):
    buyers = [anna, *(Buyer() for _ in range(3))]
    for buyer in buyers[1:]:
        buyer.buys()
    bring_about()
    before = [buyer.keys() for buyer in buyers]
    for buyer in buyers[:3]:
        place.lose(buyer)
    assert full_sync().missing == 3
    for buyer in buyers:
        has(place, buyer)
    assert [buyer.keys() for buyer in buyers] == before
    assert full_sync().missing == 0


def test_panel_that_is_lost_is_left_under_the_same_link_and_taken_back(anna, place, elsewhere):
    link, links = anna.subscription.link, anna.links()
    place.world.outage(True)
    outages.probe()
    place.set_state(Panel.State.LOST)
    bring_about()
    has(elsewhere, anna)
    assert anna.subscription.link == link and not anna.keys() & keys_in(links)
    place.world.outage(False)
    outages.probe()
    place.set_state(Panel.State.OPEN)
    bring_about()
    has(elsewhere, anna)
    assert not any(place.world.connects(each) for each in links), "what was left behind still lets in"
    boris = Buyer()
    boris.buys()
    elsewhere.set_state(Panel.State.LOST)
    bring_about()
    has(place, anna)
    has(place, boris)
    assert anna.subscription.link == link


@dataclass
class Olga:
    """Staff, who move customers by the admin's pages."""

    client: Client

    def begins(self, old: Place, new: Place, *, batch: int, hours: int) -> Move:
        """Look at the preview, then move; return what that began."""
        address = f"/admin/vpnpanel/panel/{old.panel.pk}/do/move/"
        asked = {"target": str(new.panel.pk), "batch": str(batch), "grace_hours": str(hours)}
        shown = self.client.post(address, asked).content.decode()
        assert "Will move" in shown and not Move.objects.exists(), "looking moves nobody"
        assert self.client.post(address, {**asked, "confirm": "1"}).status_code == 302
        return Move.objects.get()

    def presses(self, move: Move, act: str) -> None:
        address = f"/admin/vpnpanel/move/{move.pk}/do/{act}/"
        assert self.client.post(address, {"confirm": "1"}).status_code == 302

    def sees(self, move: Move) -> str:
        return self.client.get(f"/admin/vpnpanel/move/{move.pk}/change/").content.decode()


def test_move_begun_paused_resumed_and_rolled_back_keeps_everybody_connected(anna, place, elsewhere, client):
    client.force_login(make_staff())
    olga, boris = Olga(client), Buyer()
    elsewhere.set_state(Panel.State.CLOSED)
    boris.buys()
    bring_about()
    addresses = anna.subscription.link, boris.subscription.link
    old = [*anna.links(), *boris.links()]

    def get_in(*where: Place) -> list[str]:
        """Anna and Boris do, by what the link says now, and by what an app fetched before the move."""
        fetched = [each.links() for each in (anna, boris)]
        for home, links in zip(where, fetched, strict=True):
            assert links and all(home.world.connects(link) for link in links)
        assert all(place.world.connects(link) for link in old)
        assert (anna.subscription.link, boris.subscription.link) == addresses
        return sum(fetched, [])

    move = olga.begins(place, elsewhere, batch=1, hours=24)
    work_moves(budget_seconds=0)  # begins with Anna, and has no time for more
    bring_about()
    olga.presses(move, "pause")
    work_moves()
    get_in(elsewhere, place)
    assert "1 old account serves on" in olga.sees(move)

    olga.presses(move, "resume")
    work_moves()
    new = get_in(elsewhere, elsewhere)

    olga.presses(move, "back")
    work_moves()
    assert keys_in(get_in(place, place)) == keys_in(old), "nobody needs another refresh"
    assert all(elsewhere.world.connects(link) for link in new)
    assert Move.objects.get().state == Move.State.ROLLED_BACK

    PanelAccount.objects.update(serves_until=F("serves_until") - timedelta(hours=24))
    outages.probe()
    bring_about()
    get_in(place, place)
    assert not any(elsewhere.world.connects(link) for link in new)


def everything_happens_to(place: Place, count: int = 3) -> list[Buyer]:
    """Sell to a few, change and cut off some of them, remove one, and look at the panel whole."""
    buyers = [Buyer() for _ in range(count)]
    for buyer in buyers:
        buyer.buys()
    bring_about()
    place.lose(buyers[0])
    buyers[0].buys()
    subscriptions.disable(buyers[1].subscription.pk, reason="abuse", actor="olga")
    subscriptions.rotate_link(buyers[0].subscription.pk, actor="olga", keys=True)
    with transaction.atomic():
        services.change_access(buyers[2].subscription.access_id, is_gone=True)
    full_sync()
    has(place, buyers[0])
    assert not any(user["can_connect"] for user in place.shown(buyers[1]))
    return buyers


def others(place: Place, *, but: str) -> dict[str, dict]:
    """Return what the panel stores of everybody whose name does not begin so, but for links it draws anew."""
    drawn = ("links", "subscription_url")
    return {
        name: {field: value for field, value in user.items() if field not in drawn}
        for name, user in place.world.users().items()
        if not name.startswith(but)
    }


@pytest.mark.parametrize("count", [200, pytest.param(5_000, marks=pytest.mark.proof)])
def test_thousands_of_foreign_accounts_stay_as_they_were(place, installation, count):
    rows = [{"username": f"guest_{n}", "note": f"guest {n}"} for n in range(count)]
    place.world.emu_list("users", [{**row, **FOREIGN[place.panel.kind]} for row in rows])
    before = others(place, but=installation.short)
    everything_happens_to(place)
    after = others(place, but=installation.short)
    assert len(before) >= count and after == before
    assert list(after) == list(before), "their order has changed"


FOREIGN = {
    "marzban": {"owner": "shop", "expire": 1_950_000_000, "data_limit": 7 * GIB, "used_traffic": 5},
    "xui": {"inbounds": [1], "totalGB": 7 * GIB, "expiryTime": 1_950_000_000_000, "used_traffic": 5},
}


def test_two_shops_on_one_panel_do_not_touch_each_other(place, installation, settings):
    first = installation.short
    everything_happens_to(place)
    before = others(place, but="neighbour")
    PanelAccount.objects.all().delete()
    Access.objects.update(is_dirty=False, is_gone=True)
    settings.INSTALLATION_ID = uuid.uuid4()
    second = take_over_installation().short
    assert first != second and claim_installation().short == second
    everything_happens_to(place)
    assert others(place, but=second).keys() - {"neighbour"} == before.keys()
    assert {name: user for name, user in others(place, but=second).items() if name in before} == before
