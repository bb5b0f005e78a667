"""What 3x-ui makes difficult, in both dialects, over the stand-in's HTTP."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core import clock
from tests.vpnpanel.drivers.conftest import KEYS, NAME, STOPPED, UNTIL, WANTED, Case, closing
from tests.vpnpanel.drivers.xui import EVERY, GB, change_by_hand, ours
from vpnpanel.drivers.base import Credentials
from vpnpanel.errors import AccountFailed, PanelDown, PanelError, PanelRefused

BOTH = ("legacy", "clients")


@pytest.fixture(params=BOTH)
def case(request):
    yield from closing(request.getfixturevalue(f"xui_{request.param}_case"))


@pytest.fixture
def driver(case: Case):
    return case.connect()


def writes(case: Case) -> list[str]:
    return [call["call"] for call in case.world.calls("POST *") if "/panel/api/" in call["call"]]


class TestBothDialects:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "error", "status": 500},
            {
                "kind": "error",
                "status": 200,
                "body": {"success": False, "msg": f"subId in use: {KEYS.sub_id}"},
            },
            {"kind": "hang", "seconds": 1.5},
        ],
    )
    def test_no_error_tells_a_key(self, case, fault):
        """Staff read them in the admin and in their chats."""
        driver = case.connect(read_seconds=1.2)
        driver.put_account(NAME, WANTED, is_new=True)
        case.world.fail(case.change, **fault)
        with pytest.raises(PanelError) as failed:
            driver.put_account(NAME, STOPPED)
        assert not any(secret in str(failed.value) for secret in (KEYS.uuid, KEYS.sub_id))

    def test_client_is_made_with_our_keys_and_terms(self, case, driver):
        driver.put_account(NAME, replace(WANTED, devices=3), is_new=True)
        (user,) = ours(case)
        client = user["client"]
        assert (user["uuid"], user["sub_id"], client["limitIp"]) == (KEYS.uuid, KEYS.sub_id, 3)
        assert (client["totalGB"], client["expiryTime"]) == (5 * GB, int(UNTIL.timestamp()) * 1000)
        assert (client["reset"], client["tgId"], client["enable"]) == (0, 0, True)
        assert client["comment"] == WANTED.note

    def test_fields_we_do_not_know_are_sent_back(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        change_by_hand(case, tgId=4242, group="vip", security="auto")
        driver.put_account(NAME, replace(WANTED, traffic_limit=9 * GB))
        driver.put_account(NAME, STOPPED)
        client = ours(case)[0]["client"]
        assert (client["tgId"], client["group"], client["security"]) == (4242, "vip", "auto")

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("database is locked", AccountFailed),
            ("subId already in use", PanelRefused),
            ("at least one inbound is required", PanelRefused),
            ("something nobody has seen before", AccountFailed),
        ],
    )
    def test_failure_with_status_200_is_known_by_its_inner_text(self, case, driver, text, error):
        case.world.fail(case.create, "error", description=text)
        with pytest.raises(error, match=text):
            driver.put_account(NAME, WANTED, is_new=True)
        assert not ours(case)

    def test_empty_answer_is_no_success(self, case, driver):
        case.world.fail(case.create, "error", status=200, body="")
        with pytest.raises(AccountFailed):
            driver.put_account(NAME, WANTED, is_new=True)
        assert case.calls(case.create) == 1

    def test_page_instead_of_an_answer_is_read_back(self, case, driver):
        case.world.fail(case.create, "html", status=200, after=True, times=1)
        assert driver.put_account(NAME, WANTED, is_new=True).links
        assert case.calls(case.create) == 1

    def test_write_that_timed_out_is_read_back_and_not_repeated(self, case):
        driver = case.connect(read_seconds=1.2)
        driver.figures()
        case.world.fail(case.create, "hang", seconds=3, after=True, times=1)
        assert driver.put_account(NAME, WANTED, is_new=True).links
        assert case.calls(case.create) == 1

    def test_write_that_timed_out_undone_is_left_for_later(self, case):
        driver = case.connect(read_seconds=1.2)
        driver.figures()
        case.world.fail(case.create, "hang", seconds=1.5, times=1)
        with pytest.raises(PanelDown):
            driver.put_account(NAME, WANTED, is_new=True)
        assert case.calls(case.create) == 1

    def test_write_that_does_not_show_is_repeated_once(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        case.world.forget_calls()
        body = {"success": True, "msg": "", "obj": None}
        case.world.fail(case.change, "error", status=200, body=body)
        with pytest.raises(AccountFailed, match="does not show"):
            driver.put_account(NAME, replace(WANTED, traffic_limit=GB))
        assert case.calls(case.change) == 2
        case.world.heal()
        assert driver.put_account(NAME, replace(WANTED, traffic_limit=GB)).traffic_limit == GB

    def test_name_of_somebody_else_is_left_alone(self, case, driver):
        taken = f"{NAME}-i1" if case.version.startswith("2") else NAME
        before = case.world.make_user(taken, inbounds=[1])
        with pytest.raises(PanelRefused, match="not ours"):
            driver.put_account(NAME, WANTED, is_new=True)
        assert case.world.users()[taken]["client"] == before["client"]

    def test_account_taken_over_keeps_its_keys(self, case, driver):
        before = case.world.make_user("ivan", inbounds=[1])
        wanted = replace(WANTED, credentials=None)
        shown = driver.put_account("ivan", wanted)
        (link, *_) = shown.links
        assert before["uuid"] in link and case.world.connects(link)
        assert (shown.name, shown.until) == ("ivan", UNTIL)
        driver.remove_account("ivan")
        assert "ivan" not in case.world.users()

    @pytest.mark.parametrize("until", [datetime(2100, 1, 1, tzinfo=UTC), datetime(1969, 1, 1, tzinfo=UTC)])
    def test_end_the_panel_cannot_hold_is_not_sent(self, case, driver, until):
        with pytest.raises(PanelRefused):
            driver.put_account(NAME, replace(WANTED, until=until), is_new=True)
        assert not ours(case)

    def test_mistyped_inbound_sells_nothing_but_still_lets_us_cut_off(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        mistyped = case.connect(inbounds={"vless": ["NOPE"]})
        with pytest.raises(PanelRefused, match="NOPE"):
            mistyped.put_account(NAME, WANTED)
        mistyped.put_account(NAME, STOPPED)
        assert case.accounts() == {NAME: False}

    def test_used_up_traffic_counts_as_let_in_and_a_higher_limit_helps(self, case, driver):
        driver.put_account(NAME, replace(WANTED, traffic_limit=GB), is_new=True)
        case.world.traffic(ours(case)[0]["username"], GB)
        shown = driver.get_account(NAME)
        assert (shown.status, shown.is_enabled, shown.counter) == ("limited", True, GB)
        assert case.accounts() == {NAME: False}
        assert driver.put_account(NAME, replace(WANTED, traffic_limit=2 * GB)).status == "active"
        assert case.accounts() == {NAME: True}

    def test_end_that_is_over_counts_as_off(self, case, driver):
        driver.put_account(NAME, replace(WANTED, until=clock.now() - timedelta(minutes=1)), is_new=True)
        case.world.emu("POST", "poll")
        shown = driver.get_account(NAME)
        assert (shown.status, shown.is_enabled) == ("expired", False)
        assert driver.put_account(NAME, WANTED).status == "active"
        assert case.accounts() == {NAME: True}

    def test_strangers_with_odd_values_do_not_break_the_list(self, case, driver):
        odd = {"expiryTime": -86_400_000, "totalGB": None, "tgId": "", "limitIp": "3", "subId": ""}
        case.world.make_user("odd", inbounds=[1], **odd)
        shown = {each.name: each for page in driver.pages() for each in page.accounts}
        assert shown["odd"].until is None and shown["odd"].traffic_limit == 0

    def test_never_calls_what_destroys(self, case, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        driver.put_account(NAME, STOPPED)
        driver.rotate_account(NAME, replace(WANTED, credentials=Credentials.fresh()))
        list(driver.pages())
        driver.remove_account(NAME)
        for part in ("reset", "delDepleted", "/update/1", "import", "restart", "inbounds/del"):
            assert not [call for call in writes(case) if part in call]


class TestLinks:
    def test_every_link_leads_where_the_panel_s_own_one_does(self, case):
        for shown in case.connect(**EVERY).put_account(NAME, WANTED, is_new=True).links:
            assert case.world.connects(shown), shown

    def test_links_say_what_the_panel_s_own_ones_say(self, case):
        shown = case.connect(**EVERY, public_host="vpn.example.net").put_account(NAME, WANTED, is_new=True)
        own = sorted(link for user in ours(case) for link in user["links"])
        assert [fields(link) for link in sorted(shown.links)] == [fields(link) for link in own]
        assert {urlsplit(link).hostname for link in shown.links if "vmess" not in link} == {"vpn.example.net"}

    def test_what_both_sides_must_agree_on_is_in_the_link(self, case):
        xhttp = {"path": "/x", "host": "h.example", "mode": "auto", "headers": {"Host": "h", "A": "b"},
                 "xPaddingBytes": "5-50", "scMaxEachPostBytes": "1000000", "scMaxBufferedPosts": 30,
                 "noGRPCHeader": False, "xmux": {"maxConcurrency": "4"}}  # fmt: skip
        settings = {"fingerprint": "chrome", "allowInsecure": True, "pinnedPeerCertSha256": ["aa", "bb"],
                    "verifyPeerCertByName": "n.example", "echConfigList": "ECH"}  # fmt: skip
        tls = {"serverName": "s.example", "alpn": ["h2"], "settings": settings}
        stream = {"network": "xhttp", "security": "tls", "xhttpSettings": xhttp, "tlsSettings": tls}
        usual = stream | {"xhttpSettings": {"path": "/", "xPaddingBytes": "100-1000"}}
        case.world.set(inbounds=[vless(443, stream), vless(444, usual)])
        first, second = case.connect(**EVERY).put_account(NAME, WANTED, is_new=True).links
        query = {name: values[0] for name, values in parse_qs(urlsplit(first).query).items()}
        assert json.loads(query.pop("extra")) == {
            "xPaddingBytes": "5-50", "xmux": {"maxConcurrency": "4"}, "headers": {"A": "b"}
        }  # fmt: skip
        assert query == {
            "type": "xhttp", "path": "/x", "host": "h.example", "mode": "auto",
            "security": "tls", "fp": "chrome", "sni": "s.example", "alpn": "h2",
            "ech": "ECH", "pcs": "aa,bb", "vcn": "n.example",
        }  # fmt: skip
        assert "extra" not in second

    def test_what_the_panel_draws_is_drawn_from_what_it_has(self, case, driver):
        (link, *_) = driver.put_account(NAME, WANTED, is_new=True).links
        query = parse_qs(urlsplit(link).query)
        assert query["sni"][0] in ("www.example.org", "www.example.net")
        assert query["sid"][0] in ("6ba85179e30d4fc2", "a1b2")
        assert query["flow"] == ["xtls-rprx-vision"] and query["fp"] == ["chrome"]
        assert query["pbk"] and query["spx"][0].startswith("/")

    def test_panel_that_knows_its_own_host_is_believed(self, clients):
        (link, *_) = clients.connect().put_account(NAME, WANTED, is_new=True).links
        assert urlsplit(link).hostname == clients.world.set()["public_host"]

    def test_inbound_that_is_switched_off_gives_no_link(self, case):
        inbounds = case.world.set()["inbounds"]
        assert len(inbounds) == 5
        driver = case.connect(inbounds={"vless": ["inbound-443", "inbound-8443"]})
        assert len(driver.put_account(NAME, WANTED, is_new=True).links) == 2


class TestShadowsocks:
    """Xray does not start at all if one client's cipher is not as it wants it."""

    @pytest.mark.parametrize("method", ["chacha20-ietf-poly1305", "2022-blake3-aes-128-gcm"])
    def test_core_starts_with_the_clients_we_made(self, case, method):
        case.world.set(inbounds=[shadowsocks(method)])
        driver = case.connect(**EVERY)
        (link,) = driver.put_account(NAME, WANTED, is_new=True).links
        restart(case)
        assert case.world.connects(link) and all(user["can_connect"] for user in ours(case))

    def test_client_made_without_a_cipher_gets_one(self, legacy):
        legacy.world.set(inbounds=[shadowsocks("aes-256-gcm")])
        driver = legacy.connect(**EVERY)
        driver.put_account(NAME, WANTED, is_new=True)
        change_by_hand(legacy, key=f"{NAME}-i1", method="")
        (link,) = driver.put_account(NAME, WANTED).links
        restart(legacy)
        assert legacy.world.connects(link)

    def test_cipher_for_one_user_is_not_sold(self, case):
        alone = shadowsocks("2022-blake3-chacha20-poly1305")
        case.world.set(inbounds=[alone])
        with pytest.raises(PanelRefused, match="no inbound to sell"):
            case.connect(**EVERY).put_account(NAME, WANTED, is_new=True)
        with pytest.raises(PanelRefused, match="many"):
            case.connect(inbounds={"shadowsocks": [alone["tag"]]}).put_account(NAME, WANTED, is_new=True)
        assert case.connect().inbounds() == {} and not ours(case)


def shadowsocks(method: str) -> dict[str, Any]:
    settings = {"method": method, "password": "c2VydmVyLWtleS1vZi0xNg=="}
    stream = {"network": "tcp", "security": "none"}
    return {"id": 1, "remark": "SS", "port": 1080, "protocol": "shadowsocks", "tag": "inbound-1080",
            "settings": settings, "stream": stream}  # fmt: skip


def vless(port: int, stream: dict[str, Any]) -> dict[str, Any]:
    return {"id": port, "remark": "V", "port": port, "protocol": "vless", "tag": f"inbound-{port}",
            "settings": {"decryption": "none"}, "stream": stream}  # fmt: skip


def restart(case: Case) -> None:
    """Have the panel's core read its whole configuration, as it does every now and then."""
    case.world.emu("POST", "snapshot")
    case.world.emu("POST", "restore")


def fields(link: str) -> Any:
    """Return what a link says, without what the panel draws by lot, its host and its name."""
    scheme, _, rest = link.partition("://")
    if scheme == "vmess":
        shown = json.loads(base64.b64decode(rest))
        return scheme, {name: str(value) for name, value in shown.items() if name not in ("add", "ps", "aid")}
    parts = urlsplit(link)
    drawn = ("sni", "sid", "spx")
    query = {name: value for name, value in parse_qs(parts.query).items() if name not in drawn}
    return scheme, parts.username, parts.port, query
