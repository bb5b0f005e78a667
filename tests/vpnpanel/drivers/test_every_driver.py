"""What every driver must do, whatever its panel's API: run for each kind and dialect against its stand-in."""

from dataclasses import replace
from datetime import timedelta
from traceback import format_exception
from urllib.parse import urlsplit

import pytest

from tests.vpnpanel.drivers.conftest import (
    NAME,
    NEIGHBOUR,
    OTHER,
    STOPPED,
    UNTIL,
    WANTED,
    keys_of,
    with_keys_only,
)
from vpnpanel.drivers.base import Credentials, ListsInbounds, PanelDriver, RotatesKeys
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError, PanelRefused
from vpnservice.logs import redact

FRESH = Credentials("9d1a77c2-30be-4e0c-b1f4-6c02f5a8e3d1", "another-password", "h4t9w2c7p5z1r8y3")


class TestPut:
    def test_new_account_is_as_desired_and_has_links(self, case, driver):
        shown = driver.put_account(NAME, WANTED, is_new=True)
        assert (shown.name, shown.is_enabled, shown.until) == (NAME, True, UNTIL)
        assert (shown.traffic_limit, len(shown.links), shown.note) == (5 * 2**30, case.links, WANTED.note)
        assert shown.is_whole and case.accounts() == {NAME: True}

    def test_read_account_is_the_one_that_was_put(self, driver):
        put = driver.put_account(NAME, WANTED, is_new=True)
        read = driver.get_account(NAME)
        assert with_keys_only(put) == with_keys_only(read)
        assert set(read.counters.values()) == {0}  # none is None: all of them are shown

    def test_repeated_put_changes_nothing_and_keeps_the_keys(self, driver):
        first = driver.put_account(NAME, WANTED, is_new=True)
        again = driver.put_account(NAME, WANTED, is_new=True)
        later = driver.put_account(NAME, WANTED)
        assert keys_of(again.links) == keys_of(later.links) == keys_of(first.links)

    def test_put_brings_a_known_account_to_new_terms(self, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        longer = replace(WANTED, until=UNTIL + timedelta(days=30), traffic_limit=0)
        shown = driver.put_account(NAME, longer)
        assert (shown.until, shown.traffic_limit) == (UNTIL + timedelta(days=30), 0)

    def test_new_terms_arrive_though_an_inbound_to_sell_is_missing(self, case, driver):
        first = driver.put_account(NAME, WANTED, is_new=True)
        longer = replace(WANTED, until=UNTIL + timedelta(days=30), traffic_limit=0)
        with pytest.raises(PanelRefused, match="NOPE"):
            case.connect(inbounds={"vless": ["NOPE"]}).put_account(NAME, longer)
        shown = driver.get_account(NAME)
        assert (shown.until, shown.traffic_limit) == (longer.until, 0)
        assert keys_of(shown.links) == keys_of(first.links) and case.accounts() == {NAME: True}

    def test_stopped_account_cannot_connect_until_it_is_wanted_again(self, case, driver):
        first = driver.put_account(NAME, WANTED, is_new=True)
        assert not driver.put_account(NAME, STOPPED).is_enabled
        assert case.accounts() == {NAME: False}
        back = driver.put_account(NAME, WANTED)
        assert back.is_enabled and keys_of(back.links) == keys_of(first.links)
        assert case.accounts() == {NAME: True}

    @pytest.mark.parametrize("is_new", [True, False])
    def test_account_that_should_be_off_is_never_created(self, case, driver, is_new):
        with pytest.raises(AccountMissing):
            driver.put_account(NAME, STOPPED, is_new=is_new)
        assert not case.accounts()

    def test_account_that_the_panel_lost_is_made_again(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        case.lose(NAME)
        assert driver.put_account(NAME, WANTED).links
        assert case.accounts() == {NAME: True}

    def test_lost_answer_of_a_create_leaves_exactly_one_account(self, case, driver):
        case.world.fail(case.create, "lost", times=1)
        shown = driver.put_account(NAME, WANTED, is_new=True)
        assert case.world.fired() == {"lost": 1}
        assert shown.links and case.accounts() == {NAME: True}
        assert case.calls(case.create) == 1

    def test_create_that_was_dropped_unseen_is_made_after_looking(self, case, driver):
        case.world.fail(case.create, "refuse", times=1)
        assert driver.put_account(NAME, WANTED, is_new=True).links
        assert case.calls(case.create) == 2

    def test_create_done_twice_by_the_network_is_one_account(self, case, driver):
        case.world.fail(case.create, "duplicate", times=1)
        assert driver.put_account(NAME, WANTED, is_new=True).links
        assert case.accounts() == {NAME: True}

    @pytest.mark.parametrize("kind", ["lost", "refuse", "duplicate"])
    def test_change_survives_a_bad_connection(self, case, driver, kind):
        driver.put_account(NAME, WANTED, is_new=True)
        case.world.fail(case.change, kind, times=1)
        shown = driver.put_account(NAME, replace(WANTED, traffic_limit=7 * 2**30))
        assert shown.traffic_limit == 7 * 2**30 and case.world.fired() == {kind: 1}


class TestGetAndRemove:
    def test_get_of_an_unknown_account_says_so(self, driver):
        with pytest.raises(AccountMissing):
            driver.get_account("nobody")

    def test_removed_account_is_cut_off_and_removing_again_is_fine(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        driver.remove_account(NAME)
        driver.remove_account(NAME)
        assert not case.accounts()

    @pytest.mark.parametrize("kind", ["lost", "refuse", "duplicate"])
    @pytest.mark.parametrize("call", ["change", "delete"])
    def test_removal_survives_a_bad_connection(self, case, driver, call, kind):
        driver.put_account(NAME, WANTED, is_new=True)
        case.world.fail(getattr(case, call), kind, times=1)
        driver.remove_account(NAME)
        assert not case.accounts() and case.world.fired() == {kind: 1}


class TestTrouble:
    @pytest.mark.parametrize(
        ("rule", "error"),
        [
            ({"kind": "refuse"}, PanelDown),
            ({"kind": "hang", "seconds": 3}, PanelDown),
            ({"kind": "html", "status": 200}, PanelDown),
            ({"kind": "html", "status": 502}, PanelDown),
            ({"kind": "error", "status": 503}, PanelDown),
            ({"kind": "rate_limit"}, PanelDown),
            ({"kind": "error", "status": 500}, AccountFailed),
        ],
    )
    def test_every_call_turns_trouble_into_one_of_our_errors(self, case, rule, error):
        fails_everywhere(case, rule, error)

    def test_so_it_does_with_troubles_of_its_own(self, case):
        for rule, error in case.troubles:
            fails_everywhere(case, rule, error)
            case.world.heal()

    def test_unreachable_panel_is_down(self, case):
        with pytest.raises(PanelDown):
            case.connect(base_url="http://127.0.0.1:9").figures()

    @pytest.mark.parametrize("rule", [{"kind": "refuse"}, {"kind": "hang", "seconds": 3}, None])
    def test_nobody_is_told_the_path_the_panel_hides_behind(self, case, rule):
        """Errors go to chats and pages; what they came of goes to the log."""
        hidden, address = urlsplit(case.world.address).path or "/hidden", {}
        if rule is None:
            address = {"base_url": f"http://127.0.0.1:9{hidden}"}
        else:
            case.world.fail("*", **rule)
        with pytest.raises(PanelDown, match=r"http://127\.0\.0\.1:\d+") as caught:
            case.connect(read_seconds=0.2, **address).figures()
        assert hidden not in str(caught.value)
        assert hidden not in redact("".join(format_exception(caught.value)))


class TestLooking:
    def test_pages_show_every_account_once(self, case, driver):
        driver.page_size = 10
        users = {f"user_{n:03}" for n in range(25)}
        wish = [{"username": name, "owner": "shop"} for name in sorted(users)]
        if case.kind == "xui":
            wish = [{"username": name} for name in sorted(users)]
        case.world.emu_list("users", wish)
        pages = list(driver.pages())
        shown = [each.name for page in pages for each in page.accounts]
        assert len(shown) == len(set(shown)) == pages[0].total and set(shown) - {NEIGHBOUR} == users
        assert [len(page.accounts) for page in pages[:2]] == [10, 10]
        assert [page.is_last for page in pages] == [False, False, True]
        later = [each.name for page in driver.pages(10) for each in page.accounts]
        assert later == shown[10:]

    def test_page_shows_an_account_as_reading_it_does(self, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        (shown,) = [each for page in driver.pages() for each in page.accounts if each.name == NAME]
        assert with_keys_only(shown) == with_keys_only(driver.get_account(NAME))
        assert set(shown.counters.values()) == {0}

    def test_figures_say_version_and_numbers(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        figures = driver.figures()
        assert (figures.version, figures.accounts) == (case.version, 2 if case.kind == "xui" else 1)
        assert "warning" not in figures.details

    def test_inbounds_are_listed_by_protocol(self, driver):
        assert isinstance(driver, ListsInbounds) and len(driver.inbounds()["vless"]) == 2


class TestRotation:
    def test_other_keys_let_in_and_the_old_ones_do_not(self, case, driver):
        assert isinstance(driver, PanelDriver) and isinstance(driver, RotatesKeys)
        old = driver.put_account(NAME, WANTED, is_new=True).links
        new = driver.rotate_account(NAME, replace(WANTED, credentials=FRESH)).links
        assert len(new) == len(old) and not set(keys_of(new)) & set(keys_of(old))
        assert case.accounts() == {NAME: True}

    def test_repeat_gives_no_other_keys(self, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        wanted = replace(WANTED, credentials=FRESH)
        first = driver.rotate_account(NAME, wanted)
        assert keys_of(driver.rotate_account(NAME, wanted).links) == keys_of(first.links)
        assert keys_of(driver.put_account(NAME, wanted).links) == keys_of(first.links)

    def test_account_that_is_off_stays_off(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        driver.put_account(NAME, STOPPED)
        assert not driver.rotate_account(NAME, replace(STOPPED, credentials=FRESH)).is_enabled
        assert case.accounts() == {NAME: False}

    def test_missing_account_is_said_to_be_missing(self, driver):
        driver.put_account(OTHER, WANTED, is_new=True)
        with pytest.raises(AccountMissing):
            driver.rotate_account(NAME, WANTED)


def fails_everywhere(case, rule, error) -> None:
    driver = case.connect(read_seconds=0.2)
    driver.figures()
    case.world.fail(case.calls_for_accounts, **rule)
    for call in (
        lambda: driver.get_account(NAME),
        lambda: driver.put_account(NAME, WANTED),
        lambda: driver.put_account(NAME, WANTED, is_new=True),
        lambda: driver.remove_account(NAME),
        lambda: next(driver.pages()),
    ):
        with pytest.raises(PanelError) as caught:
            call()
        assert isinstance(caught.value, error), caught.value
