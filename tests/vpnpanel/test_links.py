"""Links a customer may be shown: examples from the formats' own documentation, and what breaks them."""

import base64
import json

import pytest

from vpnpanel.drivers.links import flaw, usable_links

ID = "6f1c1d2e-5b0a-4c7e-9a51-0f2f6a1b7c33"
REALITY = (
    f"vless://{ID}@nl1.example.com:443?security=reality&type=tcp&flow=xtls-rprx-vision&pbk=KEY&sid=ab#NL%201"
)


def vmess(padding: bool = True, **changes) -> str:
    fields = {"v": "2", "add": "nl1.example.com", "port": "443", "id": ID, "net": "ws", **changes}
    text = base64.b64encode(json.dumps(fields).encode()).decode()
    return "vmess://" + (text if padding else text.rstrip("="))


@pytest.mark.parametrize(
    "link",
    [
        REALITY,
        f"vless://{ID}@cdn.example.com:443?encryption=none&security=tls&type=ws&path=%2Fws%3Fed%3D2048#WS",
        f"vless://{ID}@[2001:db8::1]:443?type=tcp",
        f"vless://{ID}@203.0.113.10:8081?security=none&type=ws&headerType=&path=%2Fvl&host=#%F0%9F%9A%80",
        vmess(),
        vmess(padding=False),
        vmess(port=8080),
        "trojan://p%40ss%3Aw%2Ford@nl1.example.com:443?security=tls#T",
        "ss://Y2hhY2hhMjAtaWV0Zi1wb2x5MTMwNTpwYXNz@nl1.example.com:1080#SS",
        "ss://2022-blake3-aes-128-gcm:a%3D:b%3D@nl1.example.com:1080#SS",
        "ss://YWVzLTEyOC1nY206cGFzc0BubDEuZXhhbXBsZS5jb206ODA=#old",
        REALITY.replace("type=tcp", "type=xhttp&encryption=mlkem768x25519plus.native.0rtt.key"),
        "hy2://secret@nl1.example.com:443?sni=example.org",
        "tuic://uuid:password@nl1.example.com:443",
    ],
)
def test_working_links_are_shown(link):
    assert flaw(link) is None


@pytest.mark.parametrize(
    "link",
    [
        None,
        "",
        "https://nl1.example.com/",
        "False",
        REALITY.replace("pbk=KEY&", ""),
        REALITY.replace("type=tcp", "type=ws"),
        REALITY.replace("type=tcp", "type=xhttp&encryption=none"),
        REALITY.replace("type=tcp", "type=tcp&headerType=http"),
        REALITY.replace(ID, "not-an-id"),
        REALITY.replace(":443", ""),
        REALITY.replace(":443", ":0"),
        REALITY.replace(":443", ":99999"),
        REALITY.replace("nl1.example.com", ""),
        REALITY.replace("nl1.example.com", "localhost"),
        REALITY.replace("nl1.example.com", "127.0.0.1"),
        REALITY.replace("nl1.example.com", "192.168.1.5"),
        REALITY.replace("nl1.example.com", "[fe80::1]"),
        REALITY + "\n" + REALITY,
        vmess(id="x"),
        vmess(add=""),
        vmess(port="none"),
        "vmess://%%%",
        "vmess://" + base64.b64encode(b"[1]").decode(),
    ],
)
def test_broken_links_are_not(link):
    assert flaw(link)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7", "[fd00::1]", "localhost", "xray"])
def test_private_host_is_as_good_as_the_panel_s_own(host):
    link = REALITY.replace("nl1.example.com", host)
    assert [bool(flaw(link, own)) for own in ("", "panel.example.com", "127.0.0.1", "marzban")] == [
        True, True, False, False
    ]  # fmt: skip
    assert flaw(REALITY.replace("nl1.example.com", ""), "127.0.0.1")


def test_broken_link_is_dropped_and_logged_without_the_key(caplog):
    assert usable_links("abc123_x", [REALITY, REALITY.replace("pbk=KEY&", "")]) == (REALITY,)
    (record,) = caplog.records
    assert "abc123_x" in record.getMessage() and ID not in record.getMessage()
