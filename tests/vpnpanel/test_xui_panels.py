"""3x-ui panels in the shop: reconciled, synced, tested and added like any other, in both dialects."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from core import clock, jobs
from core.models import Job
from tests.factories import make_xui_panel
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import reconciler, services
from vpnpanel.drivers.xui import XuiDriver
from vpnpanel.errors import PanelDown, PanelUnfit
from vpnpanel.models import Panel, PanelAccount, PanelGroup, SyncRun, normal_address
from vpnpanel.services import outages
from vpnpanel.services import sync as sync_service

GB = 2**30


@pytest.fixture(params=["legacy", "clients"])
def world(request):
    return request.getfixturevalue(f"xui_{request.param}")


@pytest.fixture
def panel(installation, world):
    return make_xui_panel(world)


def sync(panel: Panel) -> SyncRun:
    jobs.start("panel_sync", subject=str(panel.pk), asked_by="olga")
    while jobs.run_due():
        pass
    assert Job.objects.filter(kind="panel_sync").latest("pk").state == "done"
    return SyncRun.objects.latest("pk")


def served(panel: Panel, **terms):
    access = want_access(**terms)
    assert reconciler.reconcile_one(access.pk), access.error
    return access


class TestAccess:
    def test_account_follows_its_access_through_a_whole_life(self, panel, world):
        access = served(panel, traffic_limit=10 * GB)
        (link,) = account_of(access).links
        assert urlsplit(link).hostname == "nl-2.example.com"
        assert parse_qs(urlsplit(link).query)["security"] == ["reality"]
        for terms, is_let_in in (
            ({"until": clock.now() + timedelta(days=60)}, True),
            ({"is_enabled": False}, False),
            ({"is_enabled": True, "traffic_limit": 20 * GB}, True),
        ):
            assert reconciler.reconcile_one(change(access, **terms).pk)
            (user,) = world.users().values()
            assert user["can_connect"] == is_let_in
        access.refresh_from_db()
        assert (user["data_limit"], user["expire"]) == (20 * GB, int(access.until.timestamp()))
        assert account_of(access).links == [link]

    def test_renewal_lets_in_again_whoever_used_everything_up(self, panel, world):
        access = served(panel, traffic_limit=GB)
        (email,) = world.users()
        world.traffic(email, GB)
        assert not world.users()[email]["can_connect"]
        sync(panel)
        assert account_of(access).observed_status == "limited"
        reconciler.reconcile_one(change(access, traffic_limit=2 * GB).pk)
        assert world.users()[email]["can_connect"]

    def test_used_up_account_is_no_difference(self, panel, world):
        access = served(panel, traffic_limit=GB)
        (email,) = world.users()
        world.traffic(email, GB)
        world.forget_calls()
        assert sync(panel).drifted == 0
        services.request_reconcile([access.pk])
        assert reconciler.reconcile_one(access.pk)
        assert not world.calls("POST */update*")

    def test_used_up_account_can_be_stopped(self, panel, world):
        access = served(panel, traffic_limit=GB)
        (email,) = world.users()
        world.traffic(email, GB)
        assert reconciler.reconcile_one(change(access, is_enabled=False).pk)
        assert sync(panel).drifted == 0
        assert account_of(access).observed_status == "disabled"

    def test_ended_access_is_at_rest(self, panel, world):
        access = served(panel)
        reconciler.reconcile_one(change(access, until=clock.now() - timedelta(minutes=1)).pk)
        world.emu("POST", "poll")
        access.refresh_from_db()
        assert not access.is_dirty and sync(panel).drifted == 0

    def test_removed_access_leaves_nobody_who_gets_in(self, panel, world):
        world.make_user("neighbour", inbounds=[1])
        access = served(panel)
        assert reconciler.reconcile_one(change(access, is_gone=True).pk)
        assert list(world.users()) == ["neighbour"]

    def test_last_client_of_a_legacy_inbound_stays_switched_off_and_bothers_nobody(self, panel, world):
        access = served(panel)
        assert reconciler.reconcile_one(change(access, is_gone=True).pk)
        assert access.accounts.get().placement == PanelAccount.Placement.GONE
        assert not any(user["can_connect"] for user in world.users().values())
        run = sync(panel)
        access.refresh_from_db()
        assert (run.returned, access.is_dirty) == (0, False)


class TestSync:
    def test_nothing_changed_costs_two_calls_and_shows_nothing(self, panel, world):
        for _ in range(3):
            served(panel)
        world.strangers(50)
        sync(panel)
        world.forget_calls()
        run = sync(panel)
        assert (run.accounts, run.foreign, run.drifted, run.missing) == (3, 50, 0, 0)
        assert len(world.calls()) == run.calls <= 2

    def test_strangers_stay_as_they_are(self, panel, world):
        world.strangers(20)
        before = {name: user["client"] for name, user in world.users().items()}
        access = served(panel)
        sync(panel)
        reconciler.reconcile_one(change(access, is_enabled=False).pk)
        after = {name: user["client"] for name, user in world.users().items() if name in before}
        assert after == before

    def test_lost_and_changed_accounts_are_put_right(self, panel, world):
        lost, longer = served(panel), served(panel)
        (other,) = {name for name in world.users() if account_of(longer).name in name}
        world.lose(next(name for name in world.users() if account_of(lost).name in name))
        world.emu("POST", "poll")
        services.change_access(longer.pk, until=clock.now() + timedelta(days=90))
        assert sync(panel).missing == 1
        while reconciler.reconcile_due():
            pass
        assert all(user["can_connect"] for user in world.users().values()) and len(world.users()) == 2
        longer.refresh_from_db()
        assert world.users()[other]["expire"] == int(longer.until.timestamp())

    def test_traffic_is_taken_over(self, panel, world):
        access = served(panel)
        (email,) = world.users()
        world.traffic(email, 12345)
        sync(panel)
        assert account_of(access).used_bytes == 12345

    def test_traffic_read_while_a_long_answer_is_worked_off_counts_once(
        self, installation, xui_clients, monkeypatch
    ):
        """All pages of an answer are as old as the answer: others have looked since."""
        panel = make_xui_panel(xui_clients)
        served(panel)
        access = served(panel)
        email = account_of(access).name
        xui_clients.traffic(email, GB)
        monkeypatch.setattr(XuiDriver, "page_size", 1)

        def take_page(*seen):
            keep(*seen)
            xui_clients.traffic(email, 2 * GB)
            services.read_traffic([access.pk])

        keep = sync_service.take_page
        monkeypatch.setattr(sync_service, "take_page", take_page)
        sync(panel)
        assert account_of(access).used_bytes == GB + 2 * 2 * GB

    def test_traffic_row_that_is_away_for_a_while_counts_once(self, installation, xui_clients):
        panel = make_xui_panel(xui_clients)
        access = served(panel, traffic_limit=10 * GB)
        (email,) = xui_clients.users()
        xui_clients.traffic(email, GB)
        sync(panel)
        xui_clients.fail("GET */clients/traffic/*", "error", status=200, body={"success": True, "obj": None})
        assert reconciler.reconcile_one(change(access, traffic_limit=20 * GB).pk)
        assert (account_of(access).used_bytes, account_of(access).counter) == (GB, GB)
        xui_clients.heal()
        xui_clients.traffic(email, 5)
        sync(panel)
        assert account_of(access).used_bytes == GB + 5


class TestPanel:
    def test_contract_test_passes(self, panel):
        jobs.start("panel_guard", subject=str(panel.pk), asked_by="olga")
        while jobs.run_due():
            pass
        panel.refresh_from_db()
        assert panel.guard == Panel.Guard.PASSED, panel.guard_report

    def test_figures_keep_version_and_dialect(self, panel, world):
        outages.read_figures()
        panel.refresh_from_db()
        assert (panel.version, panel.dialect) in {("2.7-2.9", "legacy"), ("3.5.0", "clients")}

    def test_panel_is_added_by_its_token(self, installation, xui_clients):
        panel = services.add_panel(**fields(xui_clients))
        again = services.add_panel(**fields(xui_clients, location="Riga"))
        assert panel.pk == again.pk
        kept = Panel.objects.get()
        assert (kept.location, kept.username, kept.dialect) == ("Riga", "", "clients")

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            ({"token": ""}, PanelUnfit),
            ({"token": "", "username": "owner"}, PanelUnfit),
            ({"token": "wrong"}, PanelDown),
            ({"token": "", "username": "owner", "password": "wrong"}, PanelDown),
        ],
    )
    def test_panel_that_does_not_let_us_in_is_not_kept(self, installation, xui_clients, given, error):
        with pytest.raises(error):
            services.add_panel(**fields(xui_clients, **given))
        assert not Panel.objects.exists()


def fields(world, **changes):
    given = {"name": "nl-2", "kind": "xui", "base_url": world.address, "token": world.token}
    return given | {"groups": PanelGroup.objects.filter(code="main"), "actor": "olga"} | changes


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://Panel.Example.com:443/AbC/", "https://panel.example.com/AbC"),
        ("HTTP://panel.example.com:80", "http://panel.example.com"),
        (" https://panel.example.com:2053/x/ ", "https://panel.example.com:2053/x"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("not an address", "not an address"),
        ("https://panel.example.com:port", "https://panel.example.com:port"),
    ],
)
def test_address_has_one_form(written, kept):
    assert normal_address(written) == kept
