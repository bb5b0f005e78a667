"""The links a panel gives must look like ones an app would take: section 1.6 of the clients' contract."""

import base64
import ipaddress
import json
import uuid
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

ALL = [
    {
        "tag": "vless",
        "protocol": "vless",
        "network": "ws",
        "tls": "tls",
        "port": 443,
        "snis": ["a.example.com"],
    },
    {"tag": "vmess", "protocol": "vmess", "network": "ws", "tls": "none", "port": 8080},
    {"tag": "trojan", "protocol": "trojan", "network": "ws", "tls": "tls", "port": 2083},
    {"tag": "ss", "protocol": "shadowsocks", "network": "tcp", "tls": "none", "port": 1080},
]
HOSTS = {each["tag"]: [{"remark": "R {USERNAME} {DAYS_LEFT}", "address": "nl1.example.com"}] for each in ALL}


def is_public(host):
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and host != "localhost"


@pytest.mark.parametrize("tag", ["VLESS TCP REALITY", "VLESS WS TLS"])
def test_links_of_a_fresh_panel_pass_the_shops_checks(shop, tag):
    (link,) = shop.make("anna", inbounds={"vless": [tag]})["links"]
    parts, query = urlsplit(link), parse_qs(urlsplit(link).query)
    assert parts.scheme == "vless" and is_public(parts.hostname) and 1 <= parts.port <= 65535
    assert uuid.UUID(parts.username)
    assert link.isprintable() and "+" not in parts.fragment
    if tag == "VLESS TCP REALITY":
        assert (query["security"], query["flow"]) == (["reality"], ["xtls-rprx-vision"])
        assert len(query["pbk"][0]) == 43 and query["fp"] == ["chrome"] and query["sni"]
        assert len(query["sid"][0]) % 2 == 0
    else:
        assert (query["security"], query["type"], query["path"]) == (["tls"], ["ws"], ["/ws?ed=2048"])
        assert "flow" not in query


def test_every_protocol_has_its_own_form(shop):
    shop.world.emu("POST", "panel", inbounds=ALL, hosts=HOSTS)
    proxies = {
        "vless": {},
        "vmess": {},
        "trojan": {"password": "p@ss:w/ord"},
        "shadowsocks": {"password": "s"},
    }
    user = shop.make("anna", proxies=proxies, inbounds={})
    vless, vmess, trojan, shadowsocks = user["links"]
    assert vless.startswith(f"vless://{user['proxies']['vless']['id']}@nl1.example.com:443?security=tls")
    fields = json.loads(base64.b64decode(vmess.removeprefix("vmess://")))
    assert (fields["id"], fields["add"], fields["port"]) == (
        user["proxies"]["vmess"]["id"],
        "nl1.example.com",
        8080,
    )
    assert trojan.startswith("trojan://p%40ss%3Aw%2Ford@nl1.example.com:2083?")
    secret = shadowsocks.removeprefix("ss://").split("@")[0]
    assert base64.b64decode(secret).decode() == "chacha20-ietf-poly1305:s"
    assert {unquote(urlsplit(link).fragment) for link in (vless, trojan, shadowsocks)} == {"R anna ∞"}


def test_the_subscription_is_the_links_in_base64(shop):
    user = shop.make("anna", data_limit=10**9, expire=shop.now + 86_400, inbounds={})
    shop.world.traffic("anna", 5)
    answer = shop.call("GET", user["subscription_url"])
    links = base64.b64decode(answer.text).decode().split("\n")
    assert [urlsplit(link).username for link in links] == [user["proxies"]["vless"]["id"]] * 2
    expected = f"upload=0; download=5; total=1000000000; expire={user['expire']}"
    assert answer.headers["subscription-userinfo"] == expected
    assert shop.get("anna")["sub_last_user_agent"].startswith("python-requests")


def test_another_format_than_base64_is_refused_aloud(shop):
    url = shop.make("anna")["subscription_url"]
    assert shop.call("GET", f"{url}/clash").status_code == 501


def test_two_panels_have_hosts_and_keys_of_their_own(marzban, second_marzban):
    from tests.sandbox.marzban_client import PanelClient

    clients = [PanelClient(world, "shop", world.password) for world in (marzban, second_marzban)]
    hosts = [urlsplit(client.make("anna")["links"][0]).hostname for client in clients]
    assert hosts == ["nl1.example.com", "de1.example.com"]
