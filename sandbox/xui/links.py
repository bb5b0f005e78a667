"""Share links as a panel makes them: one per inbound, server names and short ids picked anew each time."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
from urllib.parse import quote, urlencode

from sandbox.xui.panel import XuiPanel
from sandbox.xui.state import Client, Inbound


def links_of(panel: XuiPanel, email: str, host: str) -> list[str]:
    """Give the links of a client on all its inbounds; `host` stands in where nothing else is set."""
    places = panel.state.places_of(email)
    return [link(panel, inbound, client, host) for inbound, client in places if inbound.enable]


def link(panel: XuiPanel, inbound: Inbound, client: Client, host: str) -> str:
    address = f"{inbound.listen or panel.state.public_host or host}:{inbound.port}"
    remark = f"{inbound.remark}-{client.get('email', '')}"
    if inbound.protocol == "shadowsocks":
        return shadowsocks_link(inbound, client, address, remark)
    query = transport(panel, inbound, client)
    if inbound.protocol == "vmess":
        return vmess_link(client, address, remark, query)
    secret = quote(str(client.get(inbound.secret_field) or ""), safe="")
    sorted_query = urlencode(sorted(query.items()), quote_via=quote)
    return f"{inbound.protocol}://{secret}@{address}?{sorted_query}#{quote(remark)}"


def transport(panel: XuiPanel, inbound: Inbound, client: Client) -> dict[str, str]:
    query = {"type": inbound.network, "security": inbound.security}
    if inbound.network == "ws":
        settings = inbound.stream["wsSettings"]
        query |= {"path": settings["path"], "host": settings["host"]}
    if inbound.security == "tls":
        settings = inbound.stream["tlsSettings"]
        query |= {"sni": settings["serverName"], "fp": settings["settings"]["fingerprint"]}
        query |= {"alpn": ",".join(settings["alpn"])}
    if inbound.security == "reality":
        query |= reality(panel, inbound, client)
    if inbound.takes_flow and client.get("flow"):
        query["flow"] = str(client["flow"])
    return query


def reality(panel: XuiPanel, inbound: Inbound, client: Client) -> dict[str, str]:
    settings = inbound.stream["realitySettings"]
    public = settings["settings"]
    seed = f"{public['spiderX']}|{client.get('subId') or client.get('email')}"
    derived = hashlib.sha256(seed.encode()).hexdigest()[:15]
    drawn = "".join(random.choices(string.ascii_letters + string.digits, k=15))
    return {
        "pbk": public["publicKey"],
        "fp": public["fingerprint"],
        "sni": random.choice(settings["serverNames"]),
        "sid": random.choice(settings["shortIds"]),
        "spx": "/" + (derived if panel.since(3, 5, 0) else drawn),
    }


def shadowsocks_link(inbound: Inbound, client: Client, address: str, remark: str) -> str:
    """The newer ciphers have a key of the server's before the client's own."""
    method, key = inbound.settings["method"], str(client.get("password") or "")
    if method.startswith("2022"):
        parts = [method, inbound.settings["password"], key]
        holder = ":".join(quote(part, safe="") for part in parts)
    else:
        holder = base64.urlsafe_b64encode(f"{method}:{key}".encode()).decode().rstrip("=")
    return f"ss://{holder}@{address}?type=tcp#{quote(remark)}"


def vmess_link(client: Client, address: str, remark: str, query: dict[str, str]) -> str:
    host, _, port = address.rpartition(":")
    fields = {"v": "2", "ps": remark, "add": host, "port": int(port), "id": client.get("id"), "scy": "auto"}
    fields |= {"net": query["type"], "type": "none", "tls": query["security"]}
    fields |= {name: query[name] for name in ("path", "host", "sni", "fp", "alpn") if name in query}
    return "vmess://" + base64.b64encode(json.dumps(fields, indent=2).encode()).decode()
