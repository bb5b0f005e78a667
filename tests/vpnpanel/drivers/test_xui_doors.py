"""Getting into a 3x-ui panel: which dialect, which session, and never more logins than are needed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.vpnpanel.drivers.conftest import NAME, WANTED, Case
from vpnpanel.drivers.xui import doors, known, totp
from vpnpanel.errors import PanelDown, PanelRefused

SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def legacy(xui_legacy_case: Case):
    yield from closing(xui_legacy_case)


@pytest.fixture
def clients(xui_clients_case: Case):
    yield from closing(xui_clients_case)


def closing(case: Case):
    yield case
    for driver in case.made:
        driver.close()


def by_password(case: Case) -> dict[str, str]:
    return {"token": "", "username": case.world.username, "password": case.world.password}


def calls(case: Case) -> list[str]:
    made = [f"{call['call']} {call['status']}" for call in case.world.calls()]
    case.world.forget_calls()
    return made


def new_process() -> None:
    doors.DOORS.clear()
    known.PANELS.clear()


class TestDialect:
    def test_legacy_panel_is_known_after_four_calls(self, legacy):
        legacy.connect().get_account("neighbour")
        assert calls(legacy)[:4] == [
            "GET /csrf-token 404",
            "POST /login 200",
            "GET /panel/api/clients/list/paged 404",
            "GET /panel/api/server/status 200",
        ]
        legacy.connect().get_account("neighbour")
        assert calls(legacy) == ["GET /panel/api/inbounds/list 200"]

    def test_panel_whose_routes_are_not_found_for_a_moment_is_not_taken_for_an_older_one(self, clients):
        new_process()
        clients.world.fail("GET */clients/list/paged", "error", status=404, times=1)
        with pytest.raises(PanelDown):
            clients.connect().get_account("neighbour")
        clients.connect().get_account("neighbour")
        assert not clients.calls("GET */inbounds/get/*") and clients.connect().figures().dialect == "clients"

    def test_token_needs_no_login(self, clients):
        clients.connect().figures()
        assert not [call for call in calls(clients) if "login" in call or "csrf" in call]

    @pytest.mark.parametrize(
        ("version", "dialect", "shown"),
        [
            ("2.6.0", "legacy", "2.6"),
            ("2.8.3", "legacy", "2.7-2.9"),
            ("2.9.4", "legacy", "2.7-2.9"),
            ("3.0.1", "legacy", "3.0"),
            ("3.0.2", "legacy", "3.0"),
            ("3.1.0", "clients", "3.1.0"),
            ("3.2.5", "clients", "3.2.5"),
            ("dev+a1b2c3", "clients", "dev+a1b2c3"),
        ],
    )
    @pytest.mark.parametrize("way", ["password", "both"])
    def test_every_version_is_driven_by_name_or_token(self, clients, version, dialect, shown, way):
        clients.world.set_version(version)
        driver = clients.connect(
            **by_password(clients) | ({"token": clients.world.token} if way == "both" else {})
        )
        figures = driver.figures()
        assert (figures.dialect, figures.version) == (dialect, shown)
        (link, *_) = driver.put_account(NAME, WANTED, is_new=True).links
        assert clients.world.connects(link)
        driver.remove_account(NAME)
        assert not clients.world.connects(link)

    @pytest.mark.parametrize("version", ["2.6.0", "2.9.4"])
    def test_panel_that_was_updated_meanwhile_is_found_out(self, legacy, version):
        legacy.world.set_version(version)
        driver = legacy.connect()
        driver.figures()
        driver.put_account(NAME, WANTED, is_new=True)
        legacy.world.set_version("3.5.0")
        legacy.world.log_everybody_out()
        assert driver.figures().dialect == "clients"
        legacy.world.set_version("2.8.9")
        legacy.world.log_everybody_out()
        assert driver.get_account(NAME).links and driver.figures().dialect == "legacy"

    def test_old_panel_that_knows_no_tokens_is_entered_by_password(self, legacy):
        assert legacy.connect(token="some-token").figures().dialect == "legacy"
        with pytest.raises(PanelDown, match="older than version 3"):
            legacy.connect(token="some-token", username="", password="").figures()

    def test_token_that_is_not_taken_is_said_to_be_so(self, clients):
        with pytest.raises(PanelDown, match="refuses our token"):
            clients.connect(token="wrong").figures()
        assert not [call for call in calls(clients) if "login" in call]

    def test_wrong_base_path_is_an_outage_with_a_hint(self, clients, legacy):
        for case in (clients, legacy):
            with pytest.raises(PanelDown, match="base path"):
                case.connect(**by_password(case), base_url=case.world.origin + "/elsewhere").figures()

    def test_panel_that_answers_to_another_name_only_says_so(self, clients):
        clients.world.set(web_domain="panel.example.com")
        with pytest.raises(PanelRefused, match="host name"):
            clients.connect(**by_password(clients)).figures()

    def test_panel_whose_xray_stands_still_is_down(self, clients):
        clients.world.set(core_started=False)
        with pytest.raises(PanelDown, match="Xray"):
            clients.connect().figures()


class TestSessions:
    @pytest.mark.parametrize("version", ["2.8.3", "2.8.9", "3.0.1", "3.0.2", "3.5.0"])
    def test_session_that_is_over_costs_one_login_and_one_repeat(self, clients, version):
        clients.world.set_version(version)
        driver = clients.connect(**by_password(clients))
        driver.get_account("neighbour")
        clients.world.log_everybody_out()
        clients.world.forget_calls()
        assert driver.get_account("neighbour").name == "neighbour"
        made = calls(clients)
        assert len([call for call in made if call.startswith("POST /login")]) == 1
        assert [call.split()[-1] for call in made].count("200") == len(made) - (1 if version[0] == "3" else 2)

    def test_write_after_the_session_is_over_is_made_once(self, legacy):
        driver = legacy.connect()
        driver.put_account(NAME, WANTED, is_new=True)
        legacy.world.log_everybody_out()
        legacy.world.forget_calls()
        driver.put_account("abc123_second", WANTED, is_new=True)
        assert [call for call in calls(legacy) if "addClient" in call] == [
            "POST /panel/api/inbounds/addClient 404",
            "POST /panel/api/inbounds/addClient 200",
        ]

    def test_one_session_serves_a_whole_process(self, clients):
        def look(_: int) -> str:
            return clients.connect(**by_password(clients)).get_account("neighbour").name

        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(look, range(8))) == {"neighbour"}
        assert len([call for call in calls(clients) if "login" in call]) == 1

    def test_refused_login_is_not_tried_again_and_again(self, clients):
        wrong = by_password(clients) | {"password": "wrong"}
        for _ in range(3):
            with pytest.raises(PanelDown, match="refuses our administrator") as caught:
                clients.connect(**wrong).figures()
        assert caught.value.permanent
        assert len([call for call in calls(clients) if "login" in call]) == 1
        assert clients.connect(**by_password(clients)).figures().version == "3.5.0"

    def test_second_factor_is_given_where_it_is_asked_for(self, legacy):
        legacy.world.set(totp_secret=SECRET)
        with pytest.raises(PanelDown, match="give the shop the secret"):
            legacy.connect().figures()
        with pytest.raises(PanelDown, match="clocks"):
            legacy.connect(totp_secret="GEZDGNBVGY3TQOJQ").figures()
        assert legacy.connect(totp_secret="jbsw y3dp ehpk 3pxp").figures().dialect == "legacy"

    def test_secret_of_the_second_factor_that_is_none_is_said_to_be_so(self, legacy):
        with pytest.raises(PanelDown, match="base32") as caught:
            legacy.connect(totp_secret="1234!").figures()
        assert caught.value.permanent

    def test_cookie_is_not_in_what_is_shown_of_an_error(self, legacy, caplog):
        legacy.connect().figures()
        legacy.world.fail("*", "error", status=500)
        with pytest.raises(Exception, match="500") as caught:
            legacy.connect().get_account(NAME)
        secrets = [cookie for door in doors.DOORS.values() for cookie in door.entry.headers.values()]
        assert not [each for each in secrets if each in f"{caught.value} {caplog.text}" and len(each) > 20]


@pytest.mark.parametrize(
    ("moment", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(moment, code):
    assert totp.code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", moment) == code


def test_login_waits_while_another_is_under_way(xui_legacy_case):
    started = threading.Barrier(2)

    def look() -> None:
        driver = xui_legacy_case.connect()
        started.wait(5)
        driver.figures()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert xui_legacy_case.calls("POST /login") == 1
