"""What waits for the same panel goes to it together, and each access fares as it would by itself."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock
from tests.factories import make_customer, make_panel, make_xui_panel
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import lines, reconciler, services, tasks
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.services import backlog
from vpnpanel.writers import sole_writer


@pytest.fixture
def panel(installation, xui_clients):
    return make_xui_panel(xui_clients)


def gather(world, seconds: float = 0.1) -> None:
    """Let the panel take as long for each call as one far away, so that accesses gather meanwhile."""
    world.fail("* /panel/api/clients/*", "delay", seconds=seconds)


def many(count: int, **terms) -> list[Access]:
    customer = make_customer()
    return [want_access(customer, announce=False, **terms) for _ in range(count)]


def served(count: int) -> list[Access]:
    accesses = many(count)
    while reconciler.reconcile_due():
        pass
    return accesses


def settled() -> bool:
    return not Access.objects.filter(is_dirty=True).exists()


class TestCosts:
    def test_backlog_costs_fewer_calls_than_accesses_and_as_many_queries_as_ever(self, panel, xui_clients):
        served(1)
        many(30)
        gather(xui_clients, 0.2)
        xui_clients.forget_calls()
        with CaptureQueriesContext(connection) as queries:
            assert reconciler.reconcile_due(budget_seconds=60) == 30
        assert settled() and len(xui_clients.users()) == 31
        alone, together = (len(xui_clients.calls(f"POST */{call}")) for call in ("add", "bulkCreate"))
        # How many gather meanwhile is a matter of speed: a third to a tenth of the 120 calls one by one.
        assert len(xui_clients.calls()) == 4 * alone + 3 * together < 60
        assert len(queries) <= 30 * 21, len(queries)

    def test_change_by_itself_is_made_at_once_and_costs_no_list(self, panel, xui_clients):
        (access,) = served(1)
        xui_clients.forget_calls()
        change(access, until=access.until + timedelta(days=30))
        assert reconciler.reconcile_due() == 1
        assert [call["call"].rpartition("/")[0] for call in xui_clients.calls()] == [
            "GET /panel/api/clients/get",
            "GET /panel/api/clients/traffic",
            "POST /panel/api/clients/update",
            "GET /panel/api/clients/get",
            "GET /panel/api/clients/traffic",
        ]

    def test_slow_panel_is_given_less_at_once(self, panel):
        line = lines._Line(at_once=25)
        for count, seconds, expected in ((1, 0.1, 25), (25, 12.5, 10), (10, 60, 2), (1, 600, 2), (2, 0, 25)):
            line.note_pace(count, seconds)
            assert line.at_once == expected


class TestMixed:
    def test_every_kind_of_change_at_once(self, panel, xui_clients):
        longer, off, gone, rotated = served(4)
        old = account_of(rotated).links
        change(longer, until=longer.until + timedelta(days=30))
        change(off, is_enabled=False)
        change(gone, is_gone=True)
        services.rotate_keys(rotated.pk)
        never = change(many(1)[0], is_enabled=False)
        new = many(3)
        gather(xui_clients)
        reconciler.reconcile_due()
        assert settled() and xui_clients.calls("POST */bulkCreate")
        users, name = xui_clients.users(), lambda access: account_of(access).name
        assert users[name(longer)]["expire"] == int(Access.objects.get(pk=longer.pk).until.timestamp())
        assert not users[name(off)]["can_connect"] and account_of(rotated).links != old
        assert gone.accounts.get().placement == "gone" and not never.accounts.exists()
        assert all(users[name(access)]["can_connect"] for access in [longer, rotated, *new])
        assert len(users) == 6

    def test_panels_of_different_kinds_side_by_side(self, panel, xui_clients, xui_legacy, marzban):
        make_panel(marzban)
        make_xui_panel(xui_legacy, name="nl-3")
        accesses = many(8, panel_count=0)
        gather(xui_clients)
        while reconciler.reconcile_due():
            pass
        assert settled()
        assert [len(world.users()) for world in (xui_clients, xui_legacy, marzban)] == [8, 8, 8]
        assert PanelAccount.objects.filter(placement="serving").count() == 24
        for access in accesses:
            change(access, is_enabled=False)
        while reconciler.reconcile_due():
            pass
        for world in (xui_clients, xui_legacy, marzban):
            assert not any(user["can_connect"] for user in world.users().values())


class TestTrouble:
    def test_one_the_panel_refuses_keeps_no_other_out(self, panel, xui_clients):
        accesses = served(6)
        refused = accesses[2]
        for access in accesses:
            change(access, until=access.until + timedelta(days=30))
        xui_clients.fail(f"POST */update/{account_of(refused).name}", "error", description="no, never")
        gather(xui_clients)
        reconciler.reconcile_due()
        assert [access.pk for access in Access.objects.filter(is_dirty=True)] == [refused.pk]
        refused.refresh_from_db()
        assert "no, never" in str(refused.error) and refused.next_try_at

    def test_bug_met_at_a_batch_leaves_each_to_itself(self, panel, xui_clients):
        accesses = served(5)
        for access in accesses:
            change(access, until=access.until + timedelta(days=30))
        rows = [{"email": account_of(access).name, "uuid": "u", "inboundIds": ["odd"]} for access in accesses]
        body = {"success": True, "msg": "", "obj": rows}
        xui_clients.fail("GET */clients/list", "error", status=200, body=body)
        gather(xui_clients)
        assert reconciler.reconcile_due() == 5
        assert settled() and len(xui_clients.calls("POST */update/*")) == 5

    @pytest.mark.parametrize("kind", ["lost", "refuse"])
    def test_answer_lost_for_all_makes_one_account_each(self, panel, xui_clients, kind):
        served(1)
        accesses = many(6)
        xui_clients.fail("POST */bulkCreate", kind, times=1)
        gather(xui_clients)
        reconciler.reconcile_due()
        assert settled() and xui_clients.fired()[kind] == 1
        names = {account_of(access).name for access in accesses}
        assert len(names) == 6 and names < set(xui_clients.users())

    def test_panel_that_goes_away_is_told_the_rest_when_it_is_back(self, panel, xui_clients):
        accesses = served(8)
        for access in accesses:
            change(access, until=access.until + timedelta(days=30))
        more = many(4)
        xui_clients.fail("GET */clients/list", "refuse")
        xui_clients.fail("* /panel/api/server/*", "refuse")
        gather(xui_clients)
        reconciler.reconcile_due()
        assert not Panel.objects.get(pk=panel.pk).is_up and not settled()
        promised = set(PanelAccount.objects.values_list("name", flat=True))
        xui_clients.heal()
        tasks.probe_panels()
        assert settled()
        assert set(xui_clients.users()) == promised and len(promised) == 12
        ends = {account.name: int(account.access.until.timestamp())
                for account in PanelAccount.objects.select_related("access")}  # fmt: skip
        assert {name: user["expire"] for name, user in xui_clients.users().items()} == ends
        assert all(account_of(access).links for access in more)

    def test_claim_lost_in_the_middle_drops_that_one_alone(self, panel, xui_clients, monkeypatch):
        accesses = served(4)
        for access in accesses:
            change(access, until=access.until + timedelta(days=30))
        stolen = accesses[1]
        take = lines.Lines.take

        def steal_before_recording(self, wait_seconds):
            back = take(self, wait_seconds)
            if any(result.work.account.access_id == stolen.pk for _, result in back):
                Access.objects.filter(pk=stolen.pk).update(
                    claim_token=uuid.uuid4(), claimed_until=clock.now() - timedelta(seconds=1)
                )
            return back

        with monkeypatch.context() as patched:
            patched.setattr(lines.Lines, "take", steal_before_recording)
            gather(xui_clients)
            reconciler.reconcile_due(budget_seconds=2)
        assert set(Access.objects.filter(is_dirty=True).values_list("pk", flat=True)) <= {stolen.pk}
        while reconciler.reconcile_due():
            pass
        assert settled()

    def test_writer_elsewhere_has_the_whole_line_wait(self, panel, xui_clients):
        served(1)
        accesses = many(5)
        with sole_writer(panel):
            assert reconciler.reconcile_due() == 0
        backlog.mark_dirty([access.pk for access in accesses])
        while reconciler.reconcile_due():
            pass
        assert settled() and len(xui_clients.users()) == 6

    def test_answers_are_taken_while_many_are_given_places_on_a_busy_panel(
        self, panel, xui_clients, marzban, monkeypatch
    ):
        make_panel(marzban, load=1000)  # so that everybody lives on the other one
        served(1)
        new = many(30)
        monkeypatch.setattr(lines, "FIRST_AT_ONCE", 1)
        gather(xui_clients, 0.02)
        reconciler.reconcile_due(budget_seconds=60)
        assert settled()
        first_answer = Access.objects.filter(pk__in=[each.pk for each in new]).earliest("applied_at")
        assert first_answer.applied_at < PanelAccount.objects.latest("joined_at").joined_at
