"""The same servers in the words of each app, parsed back and compared with the share links field by field."""

import base64
import json
import re
from urllib.parse import quote

import pytest
import yaml

from tests.factories import make_customer, make_subscription, serve
from tests.vpnpanel.test_sharelinks import ID, KEY, REALITY, WS, XHTTP, classic, vmess

pytestmark = pytest.mark.django_db

GRPC = REALITY.replace("type=tcp&flow=xtls-rprx-vision", "type=grpc&serviceName=api&mode=multi").replace(
    "#NL%201", "#G"
)
UPGRADE = WS.replace("type=ws", "type=httpupgrade").replace("%3Fed%3D2048", "").replace("#WS", "#U")
HEADER = f"vless://{ID}@nl2.example.com:80?type=tcp&headerType=http&host=a.example%2Cb.example&path=%2Fp#H"
KCP = f"vless://{ID}@nl3.example.com:80?type=kcp&headerType=srtp&seed=s#K"
VMESS = vmess(net="ws", path="/w", host="h.example", tls="tls", sni="s.example", fp="firefox", alpn="h2")
TROJAN = "trojan://p%40ss%3Aw%2Ford@nl1.example.com:443?security=tls&type=tcp&sni=t.example&alpn=h2&fp=odd#T"
SS = classic("aes-128-gcm:pass") + "#SS"
SS_2022 = "ss://2022-blake3-aes-128-gcm:a%2Fb%3D:c%3D@nl4.example.com:1080#SS2"
SS_PLUGIN = (
    classic("aes-128-gcm:pass").replace("nl1", "nl5") + "/?plugin=obfs-local%3Bobfs%3Dhttp%3Bobfs-host%3Dx#P"
)
HYSTERIA = (
    "hy2://se%2Fcret@hy.example.com:443?sni=h.example&obfs=salamander&obfs-password=o&mport=5000-6000,7000#HY"
)
TUIC = "tuic://a:b@tu.example.com:443#TU"
ALL = (REALITY, WS, XHTTP, GRPC, UPGRADE, HEADER, KCP, VMESS, TROJAN, SS, SS_2022, SS_PLUGIN, HYSTERIA, TUIC)


@pytest.fixture
def fetch(client):
    def fetch(end, *links, language="en"):
        subscription = make_subscription(make_customer(language=language))
        serve(subscription, links=links)
        response = client.get(f"/s/{subscription.token}/{end}")
        assert response.status_code == 200
        return response.content

    return fetch


@pytest.fixture
def mihomo(fetch):
    return lambda *links, end="mihomo": yaml.safe_load(fetch(end, *links))


@pytest.fixture
def sing_box(fetch):
    return lambda *links: json.loads(fetch("sing-box", *links))


@pytest.fixture
def xray(fetch):
    return lambda *links: json.loads(fetch("xray", *links))


def servers(document) -> list[dict]:
    """Return the outbounds of sing-box that are servers."""
    kinds = ("selector", "urltest", "direct")
    return [each for each in document["outbounds"] if each["type"] not in kinds]


def test_list_holds_every_link_as_the_panel_made_it(fetch):
    text = base64.b64decode(fetch("v2ray", *ALL), validate=True).decode()
    assert text.splitlines() == list(ALL)


def test_mihomo_says_what_the_link_says(mihomo):
    (reality,) = mihomo(REALITY)["proxies"]
    assert reality == {
        "name": "NL 1", "type": "vless", "server": "nl1.example.com", "port": 443, "udp": True, "uuid": ID,
        "network": "tcp", "tls": True, "servername": "www.example.org", "client-fingerprint": "chrome",
        "flow": "xtls-rprx-vision", "reality-opts": {"public-key": KEY, "short-id": "6ba85179e30d4fc2"},
    }  # fmt: skip
    (ws,) = mihomo(WS)["proxies"]
    assert (ws["network"], ws["alpn"]) == ("ws", ["h2", "http/1.1"])
    assert ws["ws-opts"] == {
        "path": "/ws", "headers": {"Host": "cdn.example.com"}, "max-early-data": 2048,
        "early-data-header-name": "Sec-WebSocket-Protocol",
    }  # fmt: skip
    (grpc,) = mihomo(GRPC)["proxies"]
    assert (grpc["network"], grpc["grpc-opts"]) == ("grpc", {"grpc-service-name": "api"})
    assert "flow" not in grpc
    (upgrade,) = mihomo(UPGRADE)["proxies"]
    assert upgrade["ws-opts"] == {
        "path": "/ws", "headers": {"Host": "cdn.example.com"}, "v2ray-http-upgrade": True,
    }  # fmt: skip
    (header,) = mihomo(HEADER)["proxies"]
    assert header["http-opts"] == {
        "method": "GET", "path": ["/p"], "headers": {"Host": ["a.example", "b.example"]},
    }  # fmt: skip
    (vm,) = mihomo(VMESS)["proxies"]
    assert (vm["alterId"], vm["cipher"], vm["servername"]) == (0, "auto", "s.example")
    assert (vm["client-fingerprint"], vm["ws-opts"]["path"]) == ("firefox", "/w")


def test_mihomo_says_what_passwords_and_plugins_say(mihomo):
    (trojan,) = mihomo(TROJAN)["proxies"]
    assert trojan == {
        "name": "T", "type": "trojan", "server": "nl1.example.com", "port": 443, "udp": True,
        "password": "p@ss:w/ord", "sni": "t.example", "alpn": ["h2"], "network": "tcp",
    }  # fmt: skip
    one, two, plugin = mihomo(SS, SS_2022, SS_PLUGIN)["proxies"]
    assert (one["cipher"], one["password"]) == ("aes-128-gcm", "pass")
    assert (two["cipher"], two["password"]) == ("2022-blake3-aes-128-gcm", "a/b=:c=")
    assert (plugin["plugin"], plugin["plugin-opts"]) == ("obfs", {"mode": "http", "host": "x"})
    (hysteria,) = mihomo(HYSTERIA)["proxies"]
    assert hysteria == {
        "name": "HY", "type": "hysteria2", "server": "hy.example.com", "port": 443, "password": "se/cret",
        "sni": "h.example", "ports": "5000-6000,7000", "obfs": "salamander", "obfs-password": "o",
    }  # fmt: skip


def test_mihomo_can_be_started_with_it(mihomo):
    document = mihomo(*ALL)
    names = [proxy["name"] for proxy in document["proxies"]]
    assert names == ["NL 1", "WS", "G", "U", "H", "VM ❯ 1", "T", "SS", "SS2", "P", "HY"]
    select, test = document["proxy-groups"]
    assert (select["type"], select["proxies"]) == ("select", [test["name"], *names])
    assert (test["type"], test["proxies"], test["url"], test["interval"]) == (
        "url-test", names, "http://www.gstatic.com/generate_204", 300
    )  # fmt: skip
    assert document["rules"][-1] == f"MATCH,{select['name']}"


class Loader(yaml.SafeLoader):
    """Reads numbers as Mihomo does, by YAML 1.2: `12e4` is one."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$"), list("-+.0123456789")
)


@pytest.mark.parametrize(
    "text", ["12e4", "0012", "1.5", "1_000", "0x1f", "+5", ".5", "on", "null", "~", "a: b #c"]
)
def test_no_key_or_password_is_read_as_something_else(fetch, text):
    links = (
        REALITY.replace("6ba85179e30d4fc2", quote(text, safe="")),
        f"trojan://{quote(text, safe='')}@h.example:443",
    )
    reality, trojan = yaml.load(fetch("mihomo", *links), Loader)["proxies"]
    assert (reality["reality-opts"]["short-id"], trojan["password"]) == (text, text)


def test_first_clash_gets_only_what_it_knows(mihomo):
    document = mihomo(*ALL, end="clash")
    assert [proxy["type"] for proxy in document["proxies"]] == ["vmess", "trojan", "ss", "ss"]
    assert not any("client-fingerprint" in proxy for proxy in document["proxies"])


def test_sing_box_says_what_the_link_says(sing_box):
    (reality,) = servers(sing_box(REALITY))
    assert reality == {
        "type": "vless", "tag": "NL 1", "server": "nl1.example.com", "server_port": 443, "uuid": ID,
        "flow": "xtls-rprx-vision",
        "tls": {
            "enabled": True, "server_name": "www.example.org",
            "utls": {"enabled": True, "fingerprint": "chrome"},
            "reality": {"enabled": True, "public_key": KEY, "short_id": "6ba85179e30d4fc2"},
        },
    }  # fmt: skip
    (ws,) = servers(sing_box(WS))
    assert ws["tls"]["alpn"] == ["h2", "http/1.1"]
    assert ws["transport"] == {
        "type": "ws", "path": "/ws", "headers": {"Host": "cdn.example.com"}, "max_early_data": 2048,
        "early_data_header_name": "Sec-WebSocket-Protocol",
    }  # fmt: skip
    (grpc,) = servers(sing_box(GRPC))
    assert grpc["transport"] == {"type": "grpc", "service_name": "api"}
    (upgrade,) = servers(sing_box(UPGRADE))
    assert upgrade["transport"] == {"type": "httpupgrade", "path": "/ws", "host": "cdn.example.com"}
    (vm,) = servers(sing_box(VMESS))
    assert (vm["uuid"], vm["security"], vm["alter_id"]) == (ID, "auto", 0)
    (trojan,) = servers(sing_box(TROJAN))
    assert trojan["password"] == "p@ss:w/ord" and "utls" not in trojan["tls"]  # the link names an odd browser
    one, two, plugin = servers(sing_box(SS, SS_2022, SS_PLUGIN))
    assert (one["type"], one["method"], one["password"]) == ("shadowsocks", "aes-128-gcm", "pass")
    assert two["password"] == "a/b=:c="
    assert (plugin["plugin"], plugin["plugin_opts"]) == ("obfs-local", "obfs=http;obfs-host=x")
    (hysteria,) = servers(sing_box(HYSTERIA))
    assert (hysteria["password"], hysteria["obfs"]) == ("se/cret", {"type": "salamander", "password": "o"})
    assert hysteria["server_ports"] == ["5000:6000", "7000:7000"]
    assert hysteria["tls"] == {"enabled": True, "server_name": "h.example"}


def test_sing_box_can_be_started_with_it(sing_box):
    document = sing_box(*ALL)
    tags = [each["tag"] for each in servers(document)]
    assert tags == ["NL 1", "WS", "G", "U", "VM ❯ 1", "T", "SS", "SS2", "P", "HY"]
    selector, test = document["outbounds"][:2]
    assert selector["outbounds"] == [test["tag"], *tags] and test["outbounds"] == tags
    assert (document["route"]["final"], selector["default"]) == (selector["tag"], test["tag"])
    assert [each["type"] for each in document["inbounds"]] == ["tun"]
    every = {each["tag"] for each in document["outbounds"]}
    assert len(every) == len(document["outbounds"])
    assert {server["detour"] for server in document["dns"]["servers"] if "detour" in server} <= every
    resolvers = {server["tag"] for server in document["dns"]["servers"]}
    assert {document["dns"]["final"], document["route"]["default_domain_resolver"]} <= resolvers


def test_xray_says_what_the_link_says(xray):
    (reality,) = xray(REALITY)
    assert reality["outbounds"][0] == {
        "tag": "proxy", "protocol": "vless",
        "settings": {"vnext": [{"address": "nl1.example.com", "port": 443, "users": [
            {"id": ID, "encryption": "none", "flow": "xtls-rprx-vision"}]}]},
        "streamSettings": {"network": "tcp", "security": "reality", "realitySettings": {
            "serverName": "www.example.org", "fingerprint": "chrome", "publicKey": KEY,
            "shortId": "6ba85179e30d4fc2", "spiderX": "/", "mldsa65Verify": "a+b"}},
    }  # fmt: skip
    streams = [each["outbounds"][0]["streamSettings"] for each in xray(WS, XHTTP, GRPC, UPGRADE, HEADER, KCP)]
    ws, xhttp, grpc, upgrade, header, kcp = streams
    assert ws["wsSettings"] == {"path": "/ws?ed=2048", "host": "cdn.example.com"}
    assert ws["tlsSettings"]["alpn"] == ["h2", "http/1.1"]
    assert xhttp["xhttpSettings"] == {"path": "/x", "mode": "auto", "extra": {"xPaddingBytes": "100-1000"}}
    assert grpc["grpcSettings"] == {"serviceName": "api", "multiMode": True}
    assert upgrade["httpupgradeSettings"] == {"path": "/ws", "host": "cdn.example.com"}
    request = {"path": ["/p"], "headers": {"Host": ["a.example", "b.example"]}}
    assert header["tcpSettings"] == {"header": {"type": "http", "request": request}}
    assert kcp["kcpSettings"] == {"header": {"type": "srtp"}, "seed": "s"}
    vm, trojan, ss = (each["outbounds"][0]["settings"] for each in xray(VMESS, TROJAN, SS_2022))
    assert vm["vnext"][0]["users"] == [{"id": ID, "alterId": 0, "security": "auto"}]
    assert trojan["servers"] == [{"address": "nl1.example.com", "port": 443, "password": "p@ss:w/ord"}]
    assert (ss["servers"][0]["method"], ss["servers"][0]["password"]) == (
        "2022-blake3-aes-128-gcm",
        "a/b=:c=",
    )


def test_xray_can_be_started_with_each(xray):
    documents = xray(*ALL)
    names = ["NL 1", "WS", "XHTTP", "G", "U", "H", "K", "VM ❯ 1", "T", "SS", "SS2"]
    assert [each["remarks"] for each in documents] == names
    for each in documents:
        assert {inbound["protocol"] for inbound in each["inbounds"]} == {"socks", "http"}
        assert each["log"] and each["dns"]["servers"]
        tags = {outbound["tag"] for outbound in each["outbounds"]}
        assert (
            {rule["outboundTag"] for rule in each["routing"]["rules"]} <= tags == {"proxy", "direct", "block"}
        )


@pytest.mark.parametrize(
    ("end", "fits"),
    [("mihomo", ()), ("clash", ()), ("sing-box", ()), ("xray", (XHTTP, KCP)), ("v2ray", (XHTTP, KCP, TUIC))],
)
def test_what_a_form_cannot_carry_is_left_out_and_nothing_left_is_said(fetch, end, fits):
    text = fetch(end, XHTTP, KCP, TUIC).decode()
    said = "This app can't use your keys" in text
    assert said == (not fits)
    if end == "xray":
        assert len(json.loads(text)) == len(fits)


def test_shadowsocks_over_a_transport_is_served_only_to_apps_that_have_it(fetch, xray):
    link = SS.replace("#SS", "?type=ws&path=%2Fw&host=h.example&security=tls&sni=t.example#SS")
    for end in ("mihomo", "clash", "sing-box"):
        assert "This app can't use your keys" in fetch(end, link).decode()
    stream = xray(link)[0]["outbounds"][0]["streamSettings"]
    assert stream["wsSettings"] == {"path": "/w", "host": "h.example"}
    assert stream["tlsSettings"]["serverName"] == "t.example"


def test_mihomo_takes_one_certificate_by_its_hash(mihomo):
    pinned = TROJAN.replace("security=tls", f"security=tls&pcs={'0a' * 32}")
    (proxy,) = mihomo(pinned)["proxies"]
    assert proxy["fingerprint"] == "0a" * 32
    for other, end in ((pinned, "clash"), (pinned.replace("pcs=", "pcs=00%2C"), "mihomo")):
        (proxy,) = mihomo(other, end=end)["proxies"]
        assert "fingerprint" not in proxy


def test_xray_takes_certificates_by_their_hash(xray):
    (pinned,) = xray(WS.replace("security=tls", "security=tls&pcs=aa%2Cbb&vcn=n.example"))
    settings = pinned["outbounds"][0]["streamSettings"]["tlsSettings"]
    assert (settings["pinnedPeerCertSha256"], settings["verifyPeerCertByName"]) == ("aa,bb", "n.example")


def test_mkcp_without_disguise_names_none(xray):
    (plain,) = xray(f"vless://{ID}@nl3.example.com:80?type=kcp&headerType=none#K")
    assert plain["outbounds"][0]["streamSettings"]["kcpSettings"] == {}


def test_unsure_certificates_are_never_waved_through(fetch):
    unsure = (
        TROJAN.replace("security=tls", "security=tls&allowInsecure=1"),
        HYSTERIA.replace("?", "?insecure=1&"),
    )
    for end in ("mihomo", "sing-box", "xray"):
        text = fetch(end, *unsure).decode().lower()
        assert "insecure" not in text and "skip-cert" not in text
