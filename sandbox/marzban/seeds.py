"""What a fresh panel of the sandbox holds: two entrances, and the shop's own admin."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from sandbox.marzban.state import Admin, Inbound, PanelState

SHOP_ADMIN = "shop"
SHOP_PASSWORD = "shop-sandbox-password"
# Host names and flags by the panel's place in the sandbox; names under example.com belong to nobody.
COUNTRIES = {"marzban": ("nl1", "🇳🇱 Amsterdam"), "marzban2": ("de1", "🇩🇪 Frankfurt")}


def host(remark: str, address: str, **more: Any) -> dict[str, Any]:
    """Give one host of an inbound with every field the panel shows."""
    plain = {
        "remark": remark,
        "address": address,
        "port": None,
        "sni": None,
        "host": None,
        "path": None,
        "security": "inbound_default",
        "alpn": "",
        "fingerprint": "",
        "allowinsecure": None,
        "is_disabled": False,
        "mux_enable": False,
        "fragment_setting": None,
        "noise_setting": None,
        "random_user_agent": False,
        "use_sni_as_host": False,
    }
    return plain | more


def fresh_state(name: str) -> PanelState:
    """Give a panel as its owner would hand it to a shop: a non-sudo admin of the shop's own, no users."""
    short, place = COUNTRIES.get(name, (name, f"🌍 {name}"))
    address = f"{short}.example.com"
    cdn = f"{short}-cdn.example.com"
    state = PanelState()
    state.admins[SHOP_ADMIN] = Admin(SHOP_ADMIN, SHOP_PASSWORD, is_sudo=False)
    reality = Inbound(
        tag="VLESS TCP REALITY",
        protocol="vless",
        network="tcp",
        tls="reality",
        port=443,
        snis=["www.example.org", "www.example.net"],
        short_ids=["6ba85179e30d4fc2", "a1b2"],
        public_key=public_key_of(name),
        fingerprint="chrome",
    )
    websocket = Inbound(
        tag="VLESS WS TLS",
        protocol="vless",
        network="ws",
        tls="tls",
        port=8443,
        path="/ws?ed=2048",
        host=cdn,
        snis=[cdn],
        alpn="http/1.1",
        fingerprint="chrome",
    )
    state.inbounds = {inbound.tag: inbound for inbound in (reality, websocket)}
    state.hosts = {reality.tag: [host(place, address)], websocket.tag: [host(f"{place} CDN", cdn)]}
    return state


def public_key_of(name: str) -> str:
    """Give 43 characters shaped like a REALITY public key, always the same for one panel."""
    return base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=")
