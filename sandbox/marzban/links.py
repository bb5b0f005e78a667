"""The links a panel makes for a user: one per host of each chosen inbound."""

from __future__ import annotations

import base64
import json
import math
import random
from typing import Any
from urllib.parse import quote

from sandbox.marzban.state import Inbound, PanelState, User

SERVER_IP = "203.0.113.10"
NETWORK_NAMES = {"vless": "VLESS", "vmess": "VMess", "trojan": "Trojan", "shadowsocks": "Shadowsocks"}
SIZES = ("B", "KB", "MB", "GB", "TB", "PB")


def readable_size(size: int) -> str:
    if size <= 0:
        return "0 B"
    power = min(int(math.log(size, 1024)), len(SIZES) - 1)
    return f"{round(size / 1024**power, 2)} {SIZES[power]}"


def remark_words(user: User, now: float) -> dict[str, str]:
    """What the words in braces of a host's remark stand for."""
    left = None if user.data_limit is None else max(0, user.data_limit - user.used_traffic)
    return {
        "USERNAME": user.username,
        "DAYS_LEFT": days_left(user, now),
        "DATA_LEFT": "∞" if left is None else readable_size(left),
        "DATA_LIMIT": "∞" if user.data_limit is None else readable_size(user.data_limit),
        "DATA_USAGE": readable_size(user.used_traffic),
        "SERVER_IP": SERVER_IP,
    }


def days_left(user: User, now: float) -> str:
    """Give the days begun; those to come for a user on hold. A negative end counts as none."""
    if user.status == "on_hold" and user.on_hold_expire_duration is not None:
        return str(user.on_hold_expire_duration // 86_400)
    if user.expire is None or user.expire < 0:
        return "∞"
    return str(max(0, math.ceil((user.expire - now) / 86_400)))


def fill(text: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text


def links_of(state: PanelState, user: User, now: float) -> list[str]:
    """Give the user's links in the order of the core's inbounds; server names are picked anew each time."""
    words = remark_words(user, now)
    chosen = {tag for tags in state.chosen_tags(user).values() for tag in tags}
    links = []
    for inbound in state.inbounds.values():
        if inbound.tag in chosen:
            named = {"PROTOCOL": NETWORK_NAMES[inbound.protocol], "TRANSPORT": inbound.network}
            for host in state.hosts.get(inbound.tag, []):
                if not host["is_disabled"]:
                    links.append(link(inbound, host, user.proxies[inbound.protocol], words | named))
    return links


def link(inbound: Inbound, host: dict[str, Any], credentials: dict[str, str], words: dict[str, str]) -> str:
    remark = fill(host["remark"], words)
    address = fill(host["address"], words)
    port = host["port"] or inbound.port
    if inbound.protocol == "shadowsocks":
        secret = f"{credentials['method']}:{credentials['password']}".encode()
        return f"ss://{base64.b64encode(secret).decode()}@{address}:{port}#{quote(remark)}"
    parameters = transport(inbound, host, credentials.get("flow", ""))
    if inbound.protocol == "vmess":
        return vmess_link(credentials["id"], address, port, remark, parameters)
    secret_text = credentials.get("id") or quote(credentials["password"], safe="")
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{inbound.protocol}://{secret_text}@{address}:{port}?{query}#{quote(remark)}"


def transport(inbound: Inbound, host: dict[str, Any], flow: str) -> dict[str, str]:
    """Give the query of a link in the panel's order; an unused server name, id or flow is left out."""
    parameters = {"security": inbound.tls, "type": inbound.network, "headerType": ""}
    if flow and inbound.network == "tcp" and inbound.tls in ("tls", "reality"):
        parameters["flow"] = flow
    parameters |= {"path": host["path"] or inbound.path, "host": host["host"] or inbound.host}
    if inbound.tls == "none":
        return parameters
    sni = host["sni"] or (random.choice(inbound.snis) if inbound.snis else "")
    parameters |= {"sni": sni, "fp": host["fingerprint"] or inbound.fingerprint}
    if inbound.tls == "reality":
        short_id = random.choice(inbound.short_ids) if inbound.short_ids else ""
        return parameters | {"pbk": inbound.public_key, "sid": short_id}
    alpn = host["alpn"] or inbound.alpn
    return parameters | ({"alpn": alpn} if alpn else {})


def vmess_link(identity: str, address: str, port: int, remark: str, parameters: dict[str, str]) -> str:
    fields = {
        "add": address,
        "aid": "0",
        "host": parameters["host"],
        "id": identity,
        "net": parameters["type"],
        "path": parameters["path"],
        "port": port,
        "ps": remark,
        "scy": "auto",
        "tls": parameters["security"],
        "type": parameters["headerType"],
        "v": "2",
    }
    fields |= {name: parameters[name] for name in ("sni", "fp", "alpn") if parameters.get(name)}
    return "vmess://" + base64.b64encode(json.dumps(fields, sort_keys=True).encode()).decode()
