"""What share links say, in every form panels write them, and how they are renamed."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpnpanel.nodes import Reality, Tls, Transport
from vpnpanel.sharelinks import read, read_or_opaque, renamed

ID = "6f1c1d2e-5b0a-4c7e-9a51-0f2f6a1b7c33"
KEY = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyMTI"
REALITY = (
    f"vless://{ID}@nl1.example.com:443?encryption=none&security=reality&type=tcp&flow=xtls-rprx-vision"
    f"&sni=www.example.org&fp=chrome&pbk={KEY}&sid=6ba85179e30d4fc2&spx=%2F&pqv=a%2Bb#NL%201"
)
WS = (
    f"vless://{ID}@cdn.example.com:443?encryption=none&security=tls&type=ws&host=cdn.example.com"
    "&path=%2Fws%3Fed%3D2048&sni=cdn.example.com&fp=chrome&alpn=h2%2Chttp%2F1.1#WS"
)
XHTTP = (
    f"vless://{ID}@[2001:db8::1]:8443?security=reality&type=splithttp&path=%2Fx&mode=auto&sni=www.example.org"
    f"&pbk={KEY}&sid=ab&extra=%7B%22xPaddingBytes%22%3A%22100-1000%22%7D#XHTTP"
)


def vmess(alphabet=base64.b64encode, **changes) -> str:
    fields = {
        "v": "2",
        "ps": "VM ❯ 1",
        "add": "de1.example.com",
        "port": "443",
        "id": ID,
        "aid": "0",
        **changes,
    }
    return "vmess://" + alphabet(json.dumps(fields).encode()).decode().rstrip("=")


def test_reality_over_tcp():
    node = read(REALITY)
    assert (node.scheme, node.host, node.port, node.secret) == ("vless", "nl1.example.com", 443, ID)
    assert (node.name, node.flow, node.transport) == ("NL 1", "xtls-rprx-vision", Transport())
    keys = Reality(public_key=KEY, short_id="6ba85179e30d4fc2", spider_x="/", verify_key="a+b")
    assert node.tls == Tls(server_name="www.example.org", fingerprint="chrome", reality=keys)


def test_websocket_with_early_data():
    node = read(WS)
    over = node.transport
    assert (over.kind, over.host, over.path) == ("ws", "cdn.example.com", "/ws?ed=2048")
    assert (over.bare_path, over.early_data) == ("/ws", 2048)
    assert node.tls is not None and node.tls.alpn == ("h2", "http/1.1") and node.tls.reality is None


def test_xhttp_under_its_older_name_and_a_bare_address():
    node = read(XHTTP)
    assert (node.host, node.port) == ("2001:db8::1", 8443)
    assert (node.transport.kind, node.transport.mode) == ("xhttp", "auto")
    assert node.transport.extra == {"xPaddingBytes": "100-1000"}


@pytest.mark.parametrize("port", ["443", 443])
@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
def test_vmess_in_either_alphabet_with_numbers_as_text_or_not(port, alphabet):
    node = read(vmess(alphabet, port=port, net="ws", path="/w", host="h.example", tls="tls", sni="s.example"))
    assert (node.scheme, node.host, node.port, node.secret, node.name) == (
        "vmess", "de1.example.com", 443, ID, "VM ❯ 1"
    )  # fmt: skip
    assert (node.method, node.alter_id) == ("auto", 0)
    assert (node.transport.kind, node.transport.path, node.transport.host) == ("ws", "/w", "h.example")
    assert node.tls is not None and node.tls.server_name == "s.example"


def test_one_field_of_vmess_means_another_thing_with_each_transport():
    grpc = read(vmess(net="grpc", path="api", type="multi", tls="reality", pbk=KEY)).transport
    assert (grpc.service_name, grpc.mode, grpc.path) == ("api", "multi", "")
    kcp = read(vmess(net="kcp", path="seed", type="srtp")).transport
    assert (kcp.seed, kcp.header, kcp.path) == ("seed", "srtp", "")
    assert read(vmess(net="tcp", type="http", path="/a", tls="none")).transport.header == "http"
    assert read(vmess(tls="")).tls is None


def test_trojan_is_tls_unless_it_says_otherwise():
    node = read("trojan://p%40ss%3Aw%2Ford@nl1.example.com:443?type=grpc&serviceName=api&sni=a.example#T")
    assert (node.secret, node.transport.kind) == ("p@ss:w/ord", "grpc")
    assert node.tls == Tls(server_name="a.example")
    assert read("trojan://a:b@nl1.example.com:443").secret == "a:b"
    assert read("trojan://a@nl1.example.com:443?security=none").tls is None


def classic(text: str, alphabet=base64.b64encode) -> str:
    return f"ss://{alphabet(text.encode()).decode()}@nl1.example.com:1080"


@pytest.mark.parametrize(
    ("link", "method", "password"),
    [
        (classic("aes-128-gcm:pass"), "aes-128-gcm", "pass"),
        (classic("aes-128-gcm:pass").replace("=", ""), "aes-128-gcm", "pass"),
        (classic("aes-256-gcm:??>>~~??"), "aes-256-gcm", "??>>~~??"),  # a slash and a plus in its base64
        (classic("aes-256-gcm:??>>~~??", base64.urlsafe_b64encode), "aes-256-gcm", "??>>~~??"),
        ("ss://2022-blake3-aes-256-gcm:a%2F:c%3D@nl1.example.com:1080", "2022-blake3-aes-256-gcm", "a/:c="),
        (
            "ss://" + base64.b64encode(b"aes-128-gcm:p@ss@nl1.example.com:1080").decode(),
            "aes-128-gcm",
            "p@ss",
        ),
    ],
)  # fmt: skip
def test_shadowsocks_in_its_three_forms(link, method, password):
    node = read(f"{link}#SS%201")
    assert (node.host, node.port, node.name) == ("nl1.example.com", 1080, "SS 1")
    assert (node.method, node.secret) == (method, password)


def test_shadowsocks_with_a_plugin():
    link = classic("aes-128-gcm:pass") + "/?plugin=obfs-local%3Bobfs%3Dhttp%3Bobfs-host%3Dx#p"
    assert read(link).options == {"plugin": "obfs-local;obfs=http;obfs-host=x"}


def test_hysteria_under_both_names():
    link = "://se%2Fcret@nl1.example.com:443/?sni=a.example&obfs=salamander&obfs-password=o&mport=5000-6000#H"
    node = read(f"hy2{link}")
    assert (node.scheme, node.secret, node.port) == ("hysteria2", "se/cret", 443)
    assert node.identity == read(f"hysteria2{link}").identity
    assert node.options["obfs-password"] == "o"
    assert node.tls == Tls(server_name="a.example")


@pytest.mark.parametrize(
    "link", ["wireguard://key@nl1.example.com:51820?mtu=1#W%20G", "tuic://a:b@c:1#W%20G"]
)
def test_what_no_reader_knows_keeps_its_text_and_its_name(link):
    node = read(link)
    assert node.is_opaque and (node.link, node.name) == (link, "W G")


@pytest.mark.parametrize(
    "link", ["", "vless", "vless://", "vless://a@b", f"vless://{ID}@h:0", "vmess://%%%", "vmess://W10", "ss://eA@h:1",
             "ss://@@@", "trojan://@h:443", "vless://a@[::1"]
)  # fmt: skip
def test_what_cannot_be_read_is_said_so_and_stops_nobody(link):
    with pytest.raises(ValueError):
        read(link)
    assert read_or_opaque(link).is_opaque


@given(st.text(max_size=80), st.sampled_from(["vless", "vmess", "trojan", "ss", "hysteria2"]))
def test_no_text_breaks_the_reading(text, scheme):
    read_or_opaque(f"{scheme}://{text}")


@pytest.mark.parametrize(
    "link", [REALITY, WS, XHTTP, vmess(net="grpc", path="api"), classic("aes-128-gcm:a")]
)
@pytest.mark.parametrize("name", ["🇳🇱 Нидерланды", "a#b?c&d+e/f", ""])
def test_another_name_changes_nothing_else(link, name):
    node = read(link)
    again = read(renamed(node, name).link)
    assert again.name == name == renamed(node, name).name
    assert renamed(again, node.name) == renamed(node, node.name)


def test_the_same_server_is_known_by_where_and_who_but_another_way_in_is_not():
    assert (
        read(REALITY).identity == read(REALITY.replace("NL%201", "x").replace("fp=chrome", "fp=ios")).identity
    )
    for change in (("443", "444"), ("nl1", "nl2"), (ID, ID.replace("6", "7")), ("type=tcp", "type=grpc")):
        assert read(REALITY).identity != read(REALITY.replace(*change)).identity
