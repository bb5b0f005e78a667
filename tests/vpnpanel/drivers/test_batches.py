"""Many accounts told to a 3x-ui panel together: each ends as it would by itself, in fewer calls."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.vpnpanel.drivers.conftest import UNTIL, WANTED, Case, closing, keys_of
from vpnpanel.drivers.base import Credentials, Desired, Observed, Wish
from vpnpanel.drivers.xui import known
from vpnpanel.drivers.xui.envelope import AnswerLost
from vpnpanel.drivers.xui.naming import part_of
from vpnpanel.errors import AccountMissing, PanelDown, PanelRefused

GB = 2**30
LATER = UNTIL + timedelta(days=30)


@pytest.fixture(params=["legacy", "clients"])
def case(request):
    yield from closing(request.getfixturevalue(f"xui_{request.param}_case"))


@pytest.fixture
def legacy(xui_legacy_case):
    yield from closing(xui_legacy_case)


@pytest.fixture
def driver(case: Case):
    return ready(case)


def ready(case: Case, **fields):
    """Return a driver that has read what it reads once in a while."""
    made = case.connect(**fields)
    made.put_account("first", wanted("first"), is_new=True)
    case.world.forget_calls()
    return made


def wanted(name: str, **terms) -> Desired:
    """Return what an account of that name is to be, with keys of its own that are the same each time."""
    keys = Credentials(f"00000000-0000-4000-8000-{abs(hash(name)) % 10**12:012}", f"pw-{name}", f"sub-{name}")
    return replace(WANTED, **{"credentials": keys, "note": f"note of {name}", **terms})


def stopped(name: str) -> Desired:
    return wanted(name, is_enabled=False)


def names(count: int) -> list[str]:
    return [f"account_{number:02}" for number in range(count)]


def new(*chosen: str) -> list[Wish]:
    return [Wish(name, wanted(name), is_new=True) for name in chosen]


def calls(case: Case) -> list[str]:
    """Return what was called, without the panel's address and the names in it."""
    made = [call["call"].replace("/panel/api", "") for call in case.world.calls()]
    return [" /".join(part for part in call.split(" /")) for call in made]


def is_new_dialect(case: Case) -> bool:
    return case.version.startswith("3")


def together(case: Case) -> str:
    """Return the call that makes many."""
    return "POST */clients/bulkCreate" if is_new_dialect(case) else "POST */addClient"


class TestOutcomes:
    def test_each_ends_as_it_would_by_itself(self, case, driver):
        driver.carry_out(new("longer", "off", "gone", "keys", "off_again"))
        driver.put_account("off_again", stopped("off_again"))
        taken = "taken" if is_new_dialect(case) else part_of("taken", 1)
        stranger = case.world.make_user(taken, inbounds=[1])
        fresh = wanted("other_keys").credentials
        outcomes = driver.carry_out([
            Wish("new", wanted("new"), is_new=True),
            Wish("longer", wanted("longer", until=LATER)),
            Wish("off", stopped("off")),
            Wish("off_again", wanted("off_again")),
            Wish("gone", None),
            Wish("never_was", None),
            Wish("keys", wanted("keys", credentials=fresh), rotates=True),
            Wish("lost_keys", wanted("lost_keys"), rotates=True),
            Wish("taken", wanted("taken"), is_new=True),
            Wish("missing", stopped("missing")),
            Wish("refused", wanted("refused", until=datetime(2100, 1, 1, tzinfo=UTC)), is_new=True),
        ])  # fmt: skip
        shown = {each.name: each for each in outcomes if isinstance(each, Observed)}
        assert {name: each.is_enabled for name, each in shown.items()} == {
            "new": True, "longer": True, "off": False, "off_again": True, "keys": True, "lost_keys": True
        }  # fmt: skip
        assert outcomes[4:6] == [None, None] and shown["longer"].until == LATER
        assert str(fresh.uuid) in shown["keys"].links[0] and len(shown["new"].links) == case.links
        assert [type(each) for each in outcomes[8:]] == [PanelRefused, AccountMissing, PanelRefused]
        assert "not ours" in str(outcomes[8]) and case.world.users()[taken]["client"] == stranger["client"]
        assert {name: lets_in for name, lets_in in case.accounts().items() if name != "taken"} == {
            "first": True, "new": True, "longer": True, "off": False, "off_again": True, "keys": True,
            "lost_keys": True,
        }  # fmt: skip

    def test_repeat_changes_nothing(self, case, driver):
        wishes = [*new("one", "two"), Wish("three", None)]
        first = driver.carry_out(wishes)
        case.world.forget_calls()
        again = driver.carry_out(wishes)
        assert [keys_of(each.links) for each in again[:2]] == [keys_of(each.links) for each in first[:2]]
        assert not [call for call in calls(case) if call.startswith("POST")]

    def test_account_in_a_batch_is_shown_as_reading_it_does(self, driver):
        (shown, _) = driver.carry_out(new("one", "two"))
        read = driver.get_account("one")
        assert replace(shown, links=()) == replace(read, links=())

    def test_mistyped_inbound_refuses_whoever_is_on_and_cuts_off_the_others(self, case, driver):
        driver.carry_out(new("one", "two", "three"))
        mistyped = case.connect(inbounds={"vless": ["NOPE"]})
        outcomes = mistyped.carry_out(
            [Wish("one", wanted("one")), Wish("two", stopped("two")), Wish("three", None)]
        )
        assert isinstance(outcomes[0], PanelRefused) and outcomes[2] is None
        assert case.accounts() == {"first": True, "one": True, "two": False}


class TestCosts:
    def test_new_accounts_cost_the_same_however_many(self, case, driver):
        costs = []
        for count in (10, 40):
            chosen = [f"{count}_{name}" for name in names(count)]
            case.world.forget_calls()
            assert all(isinstance(each, Observed) for each in driver.carry_out(new(*chosen)))
            costs.append(calls(case))
        if is_new_dialect(case):
            expected = ["GET /clients/list", "POST /clients/bulkCreate", "GET /clients/list"]
        else:
            expected = ["POST /inbounds/addClient", "GET /inbounds/get/1"]
        assert costs == [expected, expected]

    def test_changes_cost_one_write_each(self, case, driver):
        driver.carry_out(new(*names(10)))
        case.world.forget_calls()
        driver.carry_out([Wish(name, wanted(name, until=LATER)) for name in names(10)])
        reads = [call for call in calls(case) if call.startswith("GET")]
        assert len(reads) == 2 and len(calls(case)) == 12

    def test_who_is_stopped_or_removed_in_the_clients_dialect_costs_the_same_however_many(self, clients):
        driver = ready(clients)
        driver.carry_out(new(*names(20)))
        clients.world.forget_calls()
        driver.carry_out([Wish(name, stopped(name)) for name in names(20)])
        assert calls(clients) == ["GET /clients/list", "POST /clients/bulkDisable", "GET /clients/list"]
        driver.carry_out([Wish(name, wanted(name)) for name in names(5)])
        clients.world.forget_calls()
        assert driver.carry_out([Wish(name, None) for name in names(20)]) == [None] * 20
        assert [call for call in calls(clients) if call.startswith("POST")] == [
            "POST /clients/bulkDisable",
            "POST /clients/bulkDel",
        ]
        assert clients.accounts() == {"first": True}

    def test_those_who_need_the_same_inbounds_get_them_together(self, clients):
        one, both = ready(clients, inbounds={"vless": ["inbound-443"]}), clients.connect()
        one.carry_out(new(*names(10)))
        both.get_account("first")
        clients.world.forget_calls()
        outcomes = both.carry_out([Wish(name, wanted(name)) for name in names(10)])
        assert all(len(each.links) == 2 and each.is_whole for each in outcomes)
        assert [call for call in calls(clients) if call.startswith("POST")] == ["POST /clients/bulkAttach"]
        outcomes = one.carry_out([Wish(name, wanted(name)) for name in names(10)])
        assert all(len(each.links) == 1 and each.is_whole for each in outcomes)

    def test_few_on_a_large_panel_are_read_one_by_one(self, clients):
        clients.world.strangers(900)
        driver = ready(clients)
        driver.figures()
        clients.world.forget_calls()
        driver.carry_out(new("one", "two"))
        driver.carry_out(new("three", "four", "five"))
        assert calls(clients).count("GET /clients/list") == 2
        assert calls(clients)[:3] == [
            "GET /clients/get/one",
            "GET /clients/get/two",
            "POST /clients/bulkCreate",
        ]

    @pytest.mark.parametrize(
        ("version", "made"),
        [("3.1.0", ["add", "update", "del"]), ("3.2.5", ["bulkCreate", "update", "bulkDel"])],
    )
    def test_calls_that_a_version_does_not_have_are_not_made(self, clients, version, made):
        clients.world.set_version(version)
        driver = ready(clients)
        for wishes in (
            new("one", "two"),
            [Wish(name, stopped(name)) for name in ("one", "two")],
            [Wish(name, None) for name in ("one", "two")],
        ):
            driver.carry_out(wishes)
        posts = [call.split("/")[2] for call in calls(clients) if call.startswith("POST")]
        assert list(dict.fromkeys(posts)) == made and clients.accounts() == {"first": True}


class TestTrouble:
    @pytest.mark.parametrize(
        "rule",
        [
            {"kind": "lost"},
            {"kind": "refuse"},
            {"kind": "duplicate"},
            {"kind": "error"},
            {"kind": "error", "status": 500},
            {"kind": "error", "status": 404},
            {"kind": "html", "status": 200, "after": True},
        ],
    )
    def test_bad_answer_to_all_leaves_exactly_one_account_each(self, case, driver, rule):
        case.world.fail(together(case), times=1, **rule)
        outcomes = driver.carry_out(new(*names(5)))
        assert all(isinstance(each, Observed) and each.links for each in outcomes), outcomes
        assert case.accounts() == dict.fromkeys(["first", *names(5)], True)
        assert [user["inbounds"] for user in case.world.users().values()] == [
            list(dict.fromkeys(user["inbounds"])) for user in case.world.users().values()
        ]

    def test_call_that_timed_out_is_read_back_and_not_repeated(self, case):
        ready(case)
        driver = case.connect(read_seconds=1.1)
        case.world.fail(together(case), "hang", seconds=2, after=True, times=1)
        assert all(isinstance(each, Observed) for each in driver.carry_out(new(*names(5))))
        case.world.fail(together(case), "hang", seconds=1.2, times=1)
        more = [f"more_{name}" for name in names(5)]
        outcomes = driver.carry_out(new(*more))
        assert all(isinstance(each, PanelDown) for each in outcomes)
        assert case.calls(together(case)) == 2
        assert all(isinstance(each, Observed) for each in driver.carry_out(new(*more)))
        assert len(case.accounts()) == 11

    def test_one_that_the_panel_does_not_take_keeps_no_other_out(self, case, driver):
        taken = "account_03" if is_new_dialect(case) else part_of("account_03", 1)
        # Somebody's in another inbound: nobody sees that before the panel refuses the name.
        case.world.make_user(taken.upper(), inbounds=[3])
        outcomes = driver.carry_out(new(*names(6)))
        assert [isinstance(each, Observed) for each in outcomes] == [n != 3 for n in range(6)]

    def test_change_that_hangs_keeps_no_other_waiting(self, clients):
        ready(clients).carry_out(new(*names(6)))
        driver = clients.connect(read_seconds=1.1)
        clients.world.fail("POST */update/account_02", "hang", seconds=2)
        outcomes = driver.carry_out([Wish(name, wanted(name, until=LATER)) for name in names(6)])
        assert [isinstance(each, Observed) for each in outcomes] == [n != 2 for n in range(6)]
        assert isinstance(outcomes[2], PanelDown)
        assert clients.calls("POST */update/account_02") == 1

    def test_nothing_is_written_beside_a_write_that_hangs_where_one_would_be_lost(self, legacy):
        ready(legacy).carry_out(new("old"))
        driver = legacy.connect(read_seconds=1.1)
        legacy.world.set(write_ms=1800)
        threading.Timer(0.6, legacy.world.set, kwargs={"write_ms": 0}).start()
        outcomes = driver.carry_out([*new("one", "two"), Wish("old", wanted("old", until=LATER))])
        shown = {each: legacy.connect().get_account(each).until for each in ("one", "two", "old")}
        assert shown == {"one": UNTIL, "two": UNTIL, "old": UNTIL}
        assert [type(outcome) for outcome in outcomes] == [Observed, Observed, AnswerLost]

    def test_list_that_takes_too_long_is_not_asked_for_again_for_a_while(self, clients, monkeypatch):
        ready(clients)
        driver = clients.connect(read_seconds=1.1)
        clients.world.fail("GET */clients/list", "hang", seconds=2)
        with pytest.raises(PanelDown):
            driver.carry_out(new("one", "two"))
        assert all(isinstance(each, Observed) for each in driver.carry_out(new("one", "two")))
        clients.world.heal()
        monkeypatch.setattr(known, "LOST_LIST_SECONDS", 0)
        driver.carry_out(new("one", "two"))
        assert clients.calls("GET */clients/list") == 2

    def test_panel_that_goes_away_in_the_middle_loses_and_doubles_nothing(self, case, driver):
        driver.carry_out(new(*names(8)))
        case.world.set(write_ms=60)
        wishes = [Wish(name, wanted(name, until=LATER)) for name in names(8)]
        wishes += new("new_one", "new_two")
        away = threading.Timer(0.25, case.world.outage, [True])
        away.start()
        with pytest.raises(PanelDown):
            driver.carry_out(wishes)
        away.join()
        case.world.outage(False)
        assert all(each.until in (UNTIL, LATER) for each in driver.carry_out(wishes))
        assert case.accounts() == dict.fromkeys(["first", *names(8), "new_one", "new_two"], True)
        assert all(len(user["inbounds"]) == case.links for user in case.world.users().values()
                   if user["username"] != "neighbour")  # fmt: skip
