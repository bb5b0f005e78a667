"""The configuration of sing-box, in the form its version reads.

Fields: the project's documentation of outbounds and its migration pages. 1.12 gave DNS servers a type, and
the old form ends with 1.14; before 1.12 the new one is refused. XHTTP and mKCP it doesn't know: left out.
"""

import json
from typing import Any

from subscriptions.feeds.mihomo import PROBE, PROBE_SECONDS, group_names
from vpnpanel.nodes import EARLY_DATA_HEADER, Node

Fields = dict[str, Any]

TYPED_DNS_SINCE = (1, 12)
PLUGINS = ("obfs-local", "v2ray-plugin")
DIRECT = "direct"


def carried(node: Node) -> Fields | None:
    """Return the node as an outbound, None if sing-box has none for it."""
    match node.scheme:
        case "vless" if not node.is_encrypted:
            keys: Fields = {"uuid": node.secret}
            if node.flow:
                keys["flow"] = node.flow.removesuffix("-udp443")
            return _proxied(node, "vless", keys)
        case "vmess":
            return _proxied(
                node, "vmess", {"uuid": node.secret, "security": node.method, "alter_id": node.alter_id}
            )
        case "trojan":
            return _proxied(node, "trojan", {"password": node.secret})
        case "ss":
            return _shadowsocks(node)
        case "hysteria2":
            return _hysteria(node)
    return None


def written(entries: list[Fields], version: tuple[int, int]) -> str:
    """Return the file with these outbounds. An app that names no version gets the newest form."""
    by_hand, fastest = group_names()
    tags = [entry["tag"] for entry in entries]
    probed = {"url": PROBE, "interval": f"{PROBE_SECONDS}s"}
    document: Fields = {
        "log": {"level": "warn", "timestamp": True},
        "dns": _dns(by_hand, is_typed(version)),
        "inbounds": [
            {
                "type": "tun",
                "tag": "tun-in",
                "address": ["172.19.0.1/30", "fdfe:dcba:9876::1/126"],
                "auto_route": True,
                "strict_route": True,
            }
        ],
        "outbounds": [
            {"type": "selector", "tag": by_hand, "outbounds": [fastest, *tags], "default": fastest},
            {"type": "urltest", "tag": fastest, "outbounds": tags, **probed},
            *entries,
            {"type": "direct", "tag": DIRECT},
        ],
        "route": {
            "rules": [
                {"action": "sniff"},
                {"protocol": "dns", "action": "hijack-dns"},
                {"ip_is_private": True, "outbound": DIRECT},
            ],
            "final": by_hand,
            "auto_detect_interface": True,
        },
    }
    if is_typed(version):
        document["route"]["default_domain_resolver"] = "local"
    return json.dumps(document, ensure_ascii=False)


def is_typed(version: tuple[int, int]) -> bool:
    """Tell whether that version has DNS servers with a type. One that is not named is taken for a new one."""
    return version == (0, 0) or version >= TYPED_DNS_SINCE


def _dns(proxy: str, has_types: bool) -> Fields:
    """Ask through the proxy; only the names of the servers themselves are asked of the system."""
    if has_types:
        remote = {"type": "https", "tag": "remote", "server": "1.1.1.1", "detour": proxy}
        return {"servers": [remote, {"type": "local", "tag": "local"}], "final": "remote"}
    remote = {"tag": "remote", "address": "https://1.1.1.1/dns-query", "detour": proxy}
    return {
        "servers": [remote, {"tag": "local", "address": "local", "detour": DIRECT}],
        "rules": [{"outbound": "any", "server": "local"}],
        "final": "remote",
    }


def _base(node: Node, kind: str) -> Fields:
    return {"type": kind, "tag": node.name, "server": node.host, "server_port": node.port}


def _proxied(node: Node, kind: str, keys: Fields) -> Fields | None:
    over = _over(node)
    if over is None:
        return None
    fields = {**_base(node, kind), **keys}
    if node.tls:
        fields["tls"] = _tls(node)
    if over:
        fields["transport"] = over
    return fields


def _shadowsocks(node: Node) -> Fields | None:
    if not node.is_bare:
        return None
    fields = {**_base(node, "shadowsocks"), "method": node.method, "password": node.secret}
    plugin, _, options = node.options.get("plugin", "").partition(";")
    if not plugin:
        return fields
    return {**fields, "plugin": plugin, "plugin_opts": options} if plugin in PLUGINS else None


def _hysteria(node: Node) -> Fields:
    tls: Fields = {"enabled": True, "server_name": node.server_name}
    if node.tls and node.tls.alpn:
        tls["alpn"] = list(node.tls.alpn)
    fields = {**_base(node, "hysteria2"), "password": node.secret, "tls": tls}
    if node.options.get("obfs"):
        fields["obfs"] = {
            "type": node.options["obfs"],
            "password": node.options.get("obfs-password", ""),
        }
    if ports := node.options.get("mport"):
        ranges = [part.strip().replace("-", ":") for part in ports.split(",") if part.strip()]
        fields["server_ports"] = [each if ":" in each else f"{each}:{each}" for each in ranges]
    return fields


def _tls(node: Node) -> Fields:
    assert node.tls is not None
    fields: Fields = {"enabled": True, "server_name": node.server_name}
    if node.tls.alpn:
        fields["alpn"] = list(node.tls.alpn)
    if node.fingerprint:
        fields["utls"] = {"enabled": True, "fingerprint": node.fingerprint}
    if node.tls.reality:
        keys = node.tls.reality
        fields["reality"] = {"enabled": True, "public_key": keys.public_key, "short_id": keys.short_id}
    return fields


def _over(node: Node) -> Fields | None:
    """Return the transport, empty for plain TCP, None for one that sing-box doesn't have."""
    over = node.transport
    named = {"headers": {"Host": over.host}} if over.host else {}
    match over.kind:
        case "tcp" if over.is_plain:
            return {}
        case "ws":
            early: Fields = {}
            if over.early_data:
                early = {"max_early_data": over.early_data, "early_data_header_name": EARLY_DATA_HEADER}
            return {"type": "ws", "path": over.bare_path or "/", **named, **early}
        case "grpc":
            return {"type": "grpc", "service_name": over.service_name}
        case "httpupgrade":
            host = {"host": over.host} if over.host else {}
            return {"type": "httpupgrade", "path": over.bare_path or "/", **host}
        case "http":
            hosts = {"host": over.host.split(",")} if over.host else {}
            return {"type": "http", "path": over.path or "/", **hosts}
    return None
