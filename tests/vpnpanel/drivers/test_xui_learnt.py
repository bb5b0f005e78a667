"""What only a 3x-ui panel's own links tell, learnt from one client's and handed out as everybody's."""

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from tests.vpnpanel.drivers.conftest import NAME, NEIGHBOUR, OTHER, WANTED, Case
from tests.vpnpanel.drivers.test_xui import shadowsocks
from tests.vpnpanel.drivers.xui import EVERY
from vpnpanel import sharelinks
from vpnpanel.drivers.base import Credentials, PanelDriver
from vpnpanel.drivers.xui import doors, known
from vpnpanel.drivers.xui.inbounds import read_inbound
from vpnpanel.drivers.xui.learnt import learn
from vpnpanel.drivers.xui.links import LinkWriter
from vpnpanel.nodes import Node

SAMPLE = "GET /panel/api/clients/subLinks/*"
FRESH = Credentials(uuid="c0ffee00-1111-4222-8333-444455556666", password="x" * 24, sub_id="another-sub-id")
SECOND = replace(WANTED, credentials=FRESH)
WS = {"network": "ws", "security": "none", "wsSettings": {"path": "/ws", "host": "cdn.example.com"}}
TLS = {
    "security": "tls",
    "tlsSettings": {"serverName": "s.example.com", "alpn": ["h2"], "settings": {"fingerprint": "chrome"}},
}
REALITY = {
    "network": "tcp",
    "security": "reality",
    "realitySettings": {
        "serverNames": ["one.example.org", "two.example.org", "three.example.org"],
        "shortIds": ["01", "0203", "040506", ""],
        "settings": {"publicKey": "A" * 43, "fingerprint": "firefox", "spiderX": "/seed"},
    },
}
CHACHA, AES_2022 = "chacha20-ietf-poly1305", "2022-blake3-aes-128-gcm"


def entrance(number: int, protocol: str, stream: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {"id": number, "remark": f"R{number}", "port": 1000 + number, "protocol": protocol, "settings": {}}
    return made | {"tag": f"inbound-{1000 + number}", "stream": stream} | more


def host(**fields: Any) -> dict[str, Any]:
    return {"address": "edge.example.com"} | fields


def sell(clients: Case, *inbounds: dict[str, Any]) -> PanelDriver:
    clients.world.lose(NEIGHBOUR)
    clients.world.set(inbounds=list(inbounds))
    return clients.connect(**EVERY)


def nodes(links: tuple[str, ...]) -> list[Node]:
    return [sharelinks.read(link) for link in links]


def put(driver: PanelDriver) -> list[Node]:
    return nodes(driver.put_account(NAME, WANTED, is_new=True).links)


def new_process() -> None:
    doors.DOORS.clear()
    known.PANELS.clear()


def listed(driver: PanelDriver) -> dict[str, tuple[str, ...]]:
    return {each.name: each.links for page in driver.pages() for each in page.accounts}


class TestSecrets:
    """Nobody's link has anything of whoever's links were read."""

    @pytest.fixture
    def driver(self, clients):
        """Every protocol there is, each led to by another port than its own."""
        made = [
            entrance(1, "vless", REALITY),
            entrance(2, "vless", WS | TLS),
            entrance(3, "vmess", WS),
            entrance(4, "trojan", {"network": "tcp"} | TLS),
            shadowsocks(AES_2022) | {"id": 5, "port": 1005, "tag": "inbound-1005"},
            shadowsocks(CHACHA) | {"id": 6, "port": 1006, "tag": "inbound-1006"},
            entrance(7, "hysteria", {"network": "hysteria"} | TLS),
        ]
        return sell(clients, *(each | {"hosts": [host(port=2000 + each["id"])]} for each in made))

    def assert_all_are_his(self, links: tuple[str, ...], whose: Credentials) -> None:
        said = {(node.scheme, node.method): node for node in nodes(links) if node.scheme != "vless"}
        assert {node.secret for node in nodes(links) if node.scheme == "vless"} == {whose.uuid}
        assert said["vmess", "auto"].secret == whose.uuid
        assert said["trojan", ""].secret == said["ss", CHACHA].secret == whose.password_for(16)
        assert said["ss", AES_2022].secret.partition(":")[2] == whose.password_for(16)
        assert [node.port for node in nodes(links)] == [2001, 2002, 2003, 2004, 2005, 2006]
        assert {node.host for node in nodes(links)} == {"edge.example.com"}

    def test_second_customer_gets_the_ways_of_the_first_with_keys_of_his_own(self, clients, driver):
        first = driver.put_account(NAME, WANTED, is_new=True)
        clients.world.forget_calls()
        second = driver.put_account(OTHER, SECOND, is_new=True)
        assert clients.calls(SAMPLE) == 0
        self.assert_all_are_his(first.links, WANTED.credentials)
        self.assert_all_are_his(second.links, FRESH)
        self.assert_nothing_of(WANTED.credentials, NAME, second.links)
        assert all(clients.world.connects(link) for link in second.links)

    def test_stranger_who_stands_on_everything_may_be_the_one_who_is_read(self, clients, driver):
        driver.put_account(NAME, WANTED, is_new=True)
        keys = {"id": FRESH.uuid, "password": FRESH.password_for(16), "auth": "auth-of-the-stranger"}
        clients.world.make_user("stranger-1", inbounds=list(range(1, 8)), subId=FRESH.sub_id, **keys)
        new_process()
        found = listed(clients.connect(inbounds={}))
        self.assert_all_are_his(found[NAME], WANTED.credentials)
        self.assert_nothing_of(FRESH, "stranger-1", found[NAME], "auth-of-the-stranger")

    def assert_nothing_of(self, whose: Credentials, name: str, links: tuple[str, ...], *more: str) -> None:
        own = [whose.uuid, whose.password, whose.password_for(16), whose.sub_id, name, *more]
        for link in links:
            texts = [unquote(link)]
            scheme, _, rest = link.partition("://")
            if scheme in ("vmess", "ss"):
                body = rest.partition("@")[0]
                padded = body + "=" * (-len(body) % 4)
                texts += [base64.urlsafe_b64decode(padded).decode()] if ":" not in body else []
            assert not [each for each in own for text in texts if each in text], link

    def test_link_that_tells_of_its_owner_elsewhere_is_not_learnt(self):
        client = {"email": "somebody@example.com", "id": WANTED.credentials.uuid}
        inbound = read_inbound(entrance(1, "vless", {}) | {"streamSettings": WS})
        link = f"vless://{client['id']}@edge.example.com:443?type=ws&security=none&path=%2Fx"
        assert learn([link], client, [inbound], [inbound])[1]
        for more in (f"%2F{client['id']}", "%2Fsomebody%40example.com"):
            assert not learn([link + more], client, [inbound], [inbound])[1]

    def test_what_else_is_one_client_s_is_nobody_else_s(self):
        client = {"email": "a", "id": WANTED.credentials.uuid, "password": WANTED.credentials.password}
        trojan = read_inbound(entrance(1, "trojan", {}) | {"streamSettings": REALITY})
        vmess = read_inbound(entrance(2, "vmess", {}) | {"streamSettings": WS})
        said = {"add": "e.example", "port": 9, "id": client["id"], "ps": "a", "scy": "zero", "net": "ws"}
        links = [
            f"trojan://{client['password']}@e.example:9?security=reality&type=tcp&flow=f&allowInsecure=1",
            "vmess://" + base64.b64encode(json.dumps(said | {"tls": "none"}).encode()).decode(),
        ]
        learnt = learn(links, client, [trojan, vmess], [trojan, vmess])
        writer = LinkWriter("https://panel.example.com", "", learnt)
        other = {"email": "b", "id": FRESH.uuid, "password": FRESH.password, "security": "aes-128-gcm"}
        (first,), (second,) = (writer.links(each, other) for each in (trojan, vmess))
        node = sharelinks.read(second)
        assert "flow" not in first and "nsecure" not in first and "e.example:9" in first
        assert (node.method, node.name, node.secret, node.port) == ("aes-128-gcm", "R2", FRESH.uuid, 9)


class TestHosts:
    @pytest.mark.parametrize(
        ("stream", "fields", "said"),
        [
            (WS | TLS, {"port": 8443}, {"port": 8443}),
            (
                WS | TLS,
                {"path": "/else", "hostHeader": "h.example"},
                {"path": "/else", "http_host": "h.example"},
            ),
            (WS | TLS, {"sni": "n.example", "fingerprint": "safari"}, {"sni": "n.example", "fp": "safari"}),
            (WS | TLS, {"security": "none"}, {"tls": False}),
            (WS, {"security": "tls", "sni": "n.example"}, {"sni": "n.example"}),
            (REALITY, {"sni": "four.example", "fingerprint": "ios"}, {"sni": "four.example", "fp": "ios"}),
            (REALITY, {"port": 444}, {"sni": "one.example.org", "sid": "01", "flow": "xtls-rprx-vision"}),
        ],
    )
    def test_what_a_host_says_otherwise_is_in_the_link(self, clients, stream, fields, said):
        (node,) = put(sell(clients, entrance(1, "vless", stream, hosts=[host(**fields)])))
        shown = {"port": node.port, "path": node.transport.path, "http_host": node.transport.host}
        shown |= {"tls": node.tls is not None, "flow": node.flow}
        if node.tls:
            shown |= {"sni": node.tls.server_name, "fp": node.tls.fingerprint}
            shown |= {"sid": node.tls.reality.short_id} if node.tls.reality else {}
        assert (node.host, node.name) == ("edge.example.com", "R1")
        assert {name: shown[name] for name in said} == said

    def test_every_host_of_an_inbound_is_a_way_in(self, clients):
        hosts = [host(), host(port=2053), host(address="", port=2083), host(port=2096, isDisabled=True)]
        found = put(sell(clients, entrance(1, "vless", WS, hosts=hosts), entrance(2, "trojan", WS)))
        own = clients.world.set()["public_host"]
        edge = "edge.example.com"
        assert [(node.host, node.port) for node in found] == [
            (edge, 1001), (edge, 2053), (own, 2083), (own, 1002)
        ]  # fmt: skip

    def test_external_proxies_keep_their_names_and_what_they_say(self, clients):
        proxies = [
            {"dest": "a.example.com", "port": 443, "forceTls": "tls", "sni": "sni.example", "remark": "A"},
            {"dest": "b.example.com", "port": 80, "forceTls": "none", "remark": "B"},
        ]
        driver = sell(clients, entrance(1, "vless", WS | TLS | {"externalProxy": proxies}))
        staff = clients.connect(inbounds={}, public_host="vpn.example.net")
        for first, second in (put(driver), put(staff)):
            assert (first.name, first.host, first.tls.server_name) == ("R1 A", "a.example.com", "sni.example")
            assert (second.name, second.host, second.port, second.tls) == ("R1 B", "b.example.com", 80, None)

    def test_host_that_staff_say_wins(self, clients):
        sell(clients, entrance(1, "vless", WS, hosts=[host(port=2053), host(address="b.example", port=2053)]))
        (node,) = put(clients.connect(inbounds={}, public_host="vpn.example.net"))
        assert (node.host, node.port) == ("vpn.example.net", 2053)

    def test_inbound_behind_another_one_is_reached_through_that(self, clients):
        behind = entrance(2, "vless", WS, listen="127.0.0.1", master=1)
        front, child = put(sell(clients, entrance(1, "vless", REALITY), behind))
        assert (front.port, child.port, child.transport.path) == (1001, 1001, "/ws")
        assert child.tls.reality.public_key == "A" * 43 and child.tls.server_name == "one.example.org"
        assert child.tls.reality.short_id == "01" and not child.flow

    def test_two_behind_another_one_are_told_by_their_paths(self, clients):
        paths = {2: "/two", 3: "/three"}
        behind = [
            entrance(
                n, "vless", WS | {"wsSettings": {"path": path, "host": ""}}, listen="127.0.0.1", master=1
            )
            for n, path in paths.items()
        ]
        _, second, third = put(sell(clients, entrance(1, "vless", REALITY), *behind))
        assert [(node.name, node.port) for node in (second, third)] == [("R2", 1001), ("R3", 1001)]
        assert [node.transport.path for node in (second, third)] == ["/two", "/three"]

    def test_older_panel_that_says_less_has_the_rest_from_the_inbound(self, clients):
        grpc = {"network": "grpc", "security": "none", "grpcSettings": {"serviceName": "svc"}}
        (node,) = put(sell(clients, entrance(1, "vless", grpc, hosts=[host(port=2053)])))
        assert (node.port, node.transport.kind, node.transport.service_name) == (2053, "grpc", "svc")


class TestWhoseWay:
    def test_link_to_another_port_is_of_the_inbound_that_has_none(self, clients):
        made = [entrance(n, "vless", WS) for n in (1, 2, 3)]
        made[1]["hosts"] = [host(port=2053), host(port=2083)]
        found = put(sell(clients, *made))
        assert [(node.name, node.port) for node in found] == [
            ("R1", 1001), ("R2", 2053), ("R2", 2083), ("R3", 1003)
        ]  # fmt: skip

    def test_links_that_may_be_either_s_are_built_from_the_inbounds(self, clients, caplog):
        made = [entrance(n, "vless", WS, hosts=[host(port=2000 + n)]) for n in (1, 2)]
        found = put(sell(clients, *made, entrance(3, "vless", REALITY, hosts=[host(port=2003)])))
        assert [(node.name, node.port) for node in found] == [("R1", 1001), ("R2", 1002), ("R3", 2003)]
        assert "may be any inbound's" in caplog.text

    @pytest.mark.parametrize(
        "answer",
        [
            {"status": 500},
            {"status": 404},
            {"status": 200, "body": {"success": False, "msg": "no"}},
            {"status": 200, "body": {"success": True, "obj": None}},
            {"status": 200, "body": {"success": True, "obj": {"links": "?"}}},
            {
                "status": 200,
                "body": {"success": True, "obj": ["vless://", 5, None, "vmess://W10=", "ss://%"]},
            },
            {"status": 200, "body": {"success": True, "obj": [f"vless://{FRESH.uuid}@x.example:1?type=ws"]}},
        ],
    )
    def test_odd_answer_leaves_links_built_from_the_inbound(self, clients, answer):
        driver = sell(clients, entrance(1, "vless", WS, hosts=[host(port=2053)]), entrance(2, "vmess", WS))
        clients.world.fail(SAMPLE, "error", **answer)
        assert [node.port for node in put(driver)] == [1001, 1002]


class TestSameLinks:
    @pytest.mark.parametrize("version", ["3.2.5", "3.5.0"])
    def test_every_process_arrives_at_the_same_links_from_whoever_s(self, clients, version):
        clients.world.set_version(version)
        behind = entrance(2, "vless", WS, listen="127.0.0.1", master=1)
        made = [entrance(1, "vless", REALITY, hosts=[host(port=2053)]), behind]
        driver = sell(clients, *made, entrance(3, "vmess", WS | TLS), shadowsocks(CHACHA) | {"id": 4})
        first = driver.put_account(NAME, WANTED, is_new=True).links
        driver.put_account(OTHER, SECOND, is_new=True)
        for _ in range(4):
            new_process()
            assert clients.connect(inbounds={}).get_account(NAME).links == first
            new_process()
            other = clients.connect(inbounds={})
            other.get_account(OTHER)
            assert other.get_account(NAME).links == listed(other)[NAME] == first

    def test_plain_panel_s_links_are_those_that_would_be_built(self, clients):
        driver = clients.connect(inbounds={}, public_host="vpn.example.net")
        learnt = driver.put_account(NAME, WANTED, is_new=True).links
        new_process()
        clients.world.fail(SAMPLE, "error", status=500)
        assert clients.connect(inbounds={}, public_host="vpn.example.net").get_account(NAME).links == learnt

    def test_panel_is_asked_once_and_again_when_its_inbounds_change_or_an_hour_has_passed(
        self, clients, monkeypatch
    ):
        inbound = entrance(1, "vless", WS, hosts=[host(port=2053)])
        driver = sell(clients, inbound)
        driver.put_account(NAME, WANTED, is_new=True)
        driver.put_account(OTHER, SECOND, is_new=True)
        listed(driver)
        assert clients.calls(SAMPLE) == 1
        sold = [user["client"] for user in clients.world.users().values()]
        moved = inbound | {"remark": "New", "clients": sold}
        for hosts, is_asked, port in ((2083, True, 2083), (2096, False, 2083)):
            clients.world.forget_calls()
            clients.world.set(inbounds=[moved | {"hosts": [host(port=hosts)]}])
            (node,) = nodes(listed(driver)[NAME])
            assert (node.name, node.port, clients.calls(SAMPLE)) == ("New", port, is_asked)
        monkeypatch.setattr(known, "WAYS_SECONDS", -1)
        assert nodes(listed(driver)[NAME])[0].port == 2096

    def test_inbound_nobody_read_stands_on_is_learnt_from_somebody_who_does(self, clients):
        made = [entrance(n, "vless", WS, hosts=[host(port=2000 + n)]) for n in (1, 2)]
        sell(clients, *made)
        for number in (1, 2):
            clients.world.make_user(f"client-{number}", inbounds=[number])
        found = listed(clients.connect(inbounds={}))
        assert [nodes(found[f"client-{n}"])[0].port for n in (1, 2)] == [2001, 2002]
        assert clients.calls(SAMPLE) == 2
