"""Share links as a panel makes them: one per inbound, server names and short ids picked anew each time."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.xui.panel import XuiPanel
from sandbox.xui.state import Client, Inbound
from sandbox.xui.versions import CLIENTS


def links_on(
    panel: XuiPanel, inbound: Inbound, client: Client, host: str, *, with_hosts: bool = True
) -> list[str]:
    """Give a client's links through one inbound; `host` stands in where nothing else is set."""
    shown = in_front(panel, inbound)
    places = entries(panel, shown, host, with_hosts=with_hosts)
    return [link(panel, shown, client, entry) for entry in places]


def entries(panel: XuiPanel, shown: Inbound, host: str, *, with_hosts: bool = True) -> list[Entry]:
    """Give where an inbound's links lead: to each of its hosts or of its external proxies, else to itself."""
    own_host = shown.listen or panel.state.public_host or host
    hosts = [each for each in shown.hosts if not each.get("isDisabled")]
    if hosts and with_hosts and panel.since(3, 4, 0):
        return [Entry.of_host(each, own_host, shown.port) for each in hosts]
    proxies = shown.stream.get("externalProxy") or []
    return [Entry.of_proxy(each) for each in proxies] or [Entry(own_host, shown.port)]


def in_front(panel: XuiPanel, inbound: Inbound) -> Inbound:
    """Give the inbound as it shows to the world: one that only its own machine reaches, behind its master."""
    master = panel.state.inbounds.get(inbound.master)
    if master is None or not inbound.listen.startswith(("127.", "@", "/")) or not panel.since(*CLIENTS):
        return inbound
    taken = ("security", "tlsSettings", "realitySettings", "externalProxy")
    own = {name: value for name, value in inbound.stream.items() if name not in taken[:3]}
    stream = own | {name: master.stream[name] for name in taken if name in master.stream}
    return replace(inbound, stream=stream, listen=master.listen, port=master.port)


@dataclass(frozen=True)
class Entry:
    """Where one link leads, and what it says otherwise than its inbound. `tls`: fields of links over TLS."""

    host: str
    port: int
    remark: str = ""
    security: str = "same"
    tls: dict[str, str] = field(default_factory=dict)
    over_reality: bool = False
    transport: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_proxy(cls, row: dict[str, Any]) -> Entry:
        return cls(row["dest"], row["port"], row.get("remark", ""), row.get("forceTls", "same"), tls_of(row))

    @classmethod
    def of_host(cls, row: dict[str, Any], host: str, port: int) -> Entry:
        """Where it leaves address and port empty, the inbound's own hold."""
        security = row.get("security") if row.get("security") in ("tls", "none") else "same"
        transport = {"host": row.get("hostHeader", ""), "path": row.get("path", "")}
        place = row.get("address") or host, row.get("port") or port
        return cls(*place, row.get("remark", ""), security or "same", tls_of(row), True, transport)

    def applied(self, query: dict[str, str]) -> dict[str, str]:
        security = query.get("security", "none") if self.security == "same" else self.security
        said = query | ({"security": security} if "security" in query else {})
        if self.security == "none":
            said = {name: value for name, value in said.items() if name not in ("alpn", "sni", "fp", "pcs")}
        if security == "tls" or (security == "reality" and self.over_reality):
            said |= self.tls
        return said | {name: value for name, value in self.transport.items() if value and name in said}


def tls_of(row: dict[str, Any]) -> dict[str, str]:
    said = {
        "sni": row.get("sni", ""),
        "fp": row.get("fingerprint", ""),
        "alpn": ",".join(row.get("alpn", [])),
    }
    return {name: value for name, value in said.items() if value}


def link(panel: XuiPanel, inbound: Inbound, client: Client, entry: Entry) -> str:
    address = f"{entry.host}:{entry.port}"
    remark = "-".join(part for part in (inbound.remark, entry.remark, client.get("email", "")) if part)
    if inbound.protocol == "shadowsocks":
        return shadowsocks_link(inbound, client, address, remark)
    query = entry.applied(transport(panel, inbound, client))
    if inbound.protocol == "vmess":
        return vmess_link(client, address, remark, query)
    scheme = "hysteria2" if inbound.protocol == "hysteria" else inbound.protocol
    secret = quote(str(client.get(inbound.secret_field) or ""), safe="")
    sorted_query = urlencode(sorted(query.items()))
    return f"{scheme}://{secret}@{address}?{sorted_query}#{quote(remark)}"


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
