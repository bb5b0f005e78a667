"""What a fresh panel of the sandbox holds: five entrances of the usual kinds, an owner, a token."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from sandbox.xui.state import Inbound, XuiState, new_token

USERNAME = "owner"
PASSWORD = "xui-sandbox-password"
TOKEN = "xui-sandbox-token-0123456789abcdef0123456789abcd"
BASE_PATH = "/xui-sandbox/"
PLACES = {
    "xui": ("fi1", "🇫🇮 Helsinki"),
    "xui2": ("nl2", "🇳🇱 Rotterdam"),
    "xui3": ("se1", "🇸🇪 Stockholm"),
}


def fresh_state(name: str, version: str) -> XuiState:
    """Give a panel as its installer leaves it: a base path of its own, one owner, empty inbounds."""
    short, place = PLACES.get(name, (name, f"🌍 {name}"))
    state = XuiState(version)
    state.base_path, state.public_host = BASE_PATH, f"{short}.example.com"
    state.username, state.password = USERNAME, PASSWORD
    state.tokens = [new_token("sandbox", TOKEN)]
    for inbound in inbounds(name, place, f"{short}-cdn.example.com"):
        state.inbounds[inbound.id] = inbound
    state.last_id = 10
    return state


def inbounds(name: str, place: str, cdn: str) -> list[Inbound]:
    vless = {"decryption": "none", "fallbacks": []}
    cipher = "2022-blake3-aes-256-gcm"
    server_key = base64.b64encode(digest(f"{name} server")).decode()
    shadowsocks = {"method": cipher, "password": server_key, "network": "tcp,udp", "ivCheck": False}
    made = [
        Inbound(1, place, 443, "vless", dict(vless), reality(name)),
        Inbound(2, f"{place} CDN", 8443, "vless", dict(vless), websocket(cdn, "tls")),
        Inbound(3, f"{place} Trojan", 2083, "trojan", {"fallbacks": []}, plain_tcp() | tls(cdn)),
        Inbound(4, f"{place} SS", 1080, "shadowsocks", shadowsocks, plain_tcp() | {"security": "none"}),
        Inbound(5, f"{place} VMess", 8080, "vmess", {}, websocket(cdn, "none")),
    ]
    for inbound in made:
        inbound.tag = f"inbound-{inbound.port}"
    return made


def plain_tcp() -> dict[str, Any]:
    header = {"acceptProxyProtocol": False, "header": {"type": "none"}}
    return {"network": "tcp", "externalProxy": [], "tcpSettings": header}


def reality(name: str) -> dict[str, Any]:
    shown = {
        "publicKey": public_key_of(name),
        "fingerprint": "chrome",
        "serverName": "",
        "spiderX": "/",
    }
    settings = {
        "show": False,
        "xver": 0,
        "dest": "www.example.org:443",
        "serverNames": ["www.example.org", "www.example.net"],
        "privateKey": public_key_of(f"{name} private"),
        "minClient": "",
        "maxClient": "",
        "maxTimediff": 0,
        "shortIds": ["6ba85179e30d4fc2", "a1b2"],
        "settings": shown,
    }
    return plain_tcp() | {"security": "reality", "realitySettings": settings}


def tls(server: str) -> dict[str, Any]:
    settings = {
        "serverName": server,
        "minVersion": "1.2",
        "maxVersion": "1.3",
        "cipherSuites": "",
        "rejectUnknownSni": False,
        "certificates": [{"certificateFile": "/root/cert.pem", "keyFile": "/root/key.pem"}],
        "alpn": ["h2", "http/1.1"],
        "settings": {"allowInsecure": False, "fingerprint": "chrome"},
    }
    return {"security": "tls", "tlsSettings": settings}


def websocket(host: str, security: str) -> dict[str, Any]:
    settings = {"acceptProxyProtocol": False, "path": "/ws?ed=2048", "host": host, "headers": {}}
    stream = {"network": "ws", "externalProxy": [], "wsSettings": settings}
    return stream | (tls(host) if security == "tls" else {"security": security})


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def public_key_of(name: str) -> str:
    """Give 43 characters shaped like a key of REALITY, always the same for one panel."""
    return base64.urlsafe_b64encode(digest(f"xui {name}")).decode().rstrip("=")
