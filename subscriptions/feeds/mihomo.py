"""The configuration of Mihomo (Clash Meta) and, with what that one knows, of the first Clash.

Fields: the project's wiki, pages of proxies and proxy groups. A node of a kind it doesn't know makes the app
refuse the whole file, so such nodes are left out.
"""

import re
from typing import Any

import yaml
from django.utils.translation import gettext as _

from vpnpanel.nodes import EARLY_DATA_HEADER, Node

Fields = dict[str, Any]

PROBE = "http://www.gstatic.com/generate_204"
PROBE_SECONDS = 300
PLUGINS = {"obfs-local": "obfs", "simple-obfs": "obfs", "v2ray-plugin": "v2ray-plugin"}
CERTIFICATE_HASH = re.compile(r"[0-9A-Fa-f]{64}")
# What the first Clash does not know of a node it knows.
NEWER = ("client-fingerprint", "fingerprint")
LIKE_A_NUMBER = re.compile(r"[-+.]?\d")
# What apps call outbounds of their own: a server of that name makes them refuse the whole file.
BUILT_IN = ("direct", "DIRECT", "REJECT", "REJECT-DROP", "PASS", "COMPATIBLE", "GLOBAL")
FastDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Dumper(FastDumper):  # type: ignore[misc]
    """Quotes whatever begins like a number.

    PyYAML writes YAML 1.1, where `12e4` is a word; Mihomo reads it as 120000, and it may be a key of REALITY.
    """


def _represent_text(dumper: Any, text: str) -> Any:
    style = "'" if LIKE_A_NUMBER.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _represent_text)


def group_names() -> tuple[str, str]:
    """Return the names of the two groups: chosen by hand, and the fastest. No comma may be in them."""
    return _("Servers"), _("Fastest")


def carried(node: Node) -> Fields | None:
    """Return the node in Mihomo's words, None if it has none for it."""
    match node.scheme:
        case "vless":
            return _vless(node)
        case "vmess":
            return _vmess(node)
        case "trojan":
            return _trojan(node) if node.tls else None
        case "ss":
            return _shadowsocks(node)
        case "hysteria2":
            return _hysteria(node)
    return None


def carried_by_clash(node: Node) -> Fields | None:
    """Return the node in the words of the first Clash, None if it has none for it."""
    is_known = node.scheme in ("vmess", "trojan", "ss") and node.transport.kind != "httpupgrade"
    if not is_known or node.method.startswith("2022-") or (node.tls and node.tls.reality):
        return None
    fields = carried(node) or {}
    return {name: value for name, value in fields.items() if name not in NEWER} or None


def written(entries: list[Fields]) -> str:
    """Return the file with these nodes."""
    by_hand, fastest = group_names()
    names = [entry["name"] for entry in entries]
    probed = {"url": PROBE, "interval": PROBE_SECONDS, "tolerance": 50}
    document = {
        "mixed-port": 7890,
        "allow-lan": False,
        "mode": "rule",
        "log-level": "warning",
        "ipv6": True,
        "proxies": entries,
        "proxy-groups": [
            {"name": by_hand, "type": "select", "proxies": [fastest, *names]},
            {"name": fastest, "type": "url-test", "proxies": names, **probed},
        ],
        "rules": [f"MATCH,{by_hand}"],
    }
    text: str = yaml.dump(document, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=10_000)
    return text


def _base(node: Node, kind: str) -> Fields:
    return {"name": node.name, "type": kind, "server": node.host, "port": node.port, "udp": True}


def _vless(node: Node) -> Fields | None:
    over = _over(node)
    if over is None:
        return None
    fields = {**_base(node, "vless"), "uuid": node.secret, **_tls(node, "servername"), **over}
    if node.is_encrypted:
        fields["encryption"] = node.encryption
    if node.flow:
        fields["flow"] = node.flow.removesuffix("-udp443")
    return fields


def _vmess(node: Node) -> Fields | None:
    over = _over(node)
    if over is None:
        return None
    keys = {"uuid": node.secret, "alterId": node.alter_id, "cipher": node.method}
    return {**_base(node, "vmess"), **keys, **_tls(node, "servername"), **over}


def _trojan(node: Node) -> Fields | None:
    over = _over(node)
    if over is None:
        return None
    tls = _tls(node, "sni")
    del tls["tls"]  # it has no other way
    return {**_base(node, "trojan"), "password": node.secret, **tls, **over}


def _shadowsocks(node: Node) -> Fields | None:
    if not node.is_bare:
        return None
    fields = {**_base(node, "ss"), "cipher": node.method, "password": node.secret}
    if not node.options.get("plugin"):
        return fields
    name, _, text = node.options["plugin"].partition(";")
    plugin = PLUGINS.get(name)
    if plugin is None:
        return None
    said = {part.partition("=")[0]: part.partition("=")[2] for part in text.split(";") if part}
    options: Fields = {"mode": said.get("obfs") or said.get("mode") or "websocket"}
    if host := said.get("obfs-host") or said.get("host"):
        options["host"] = host
    if plugin == "v2ray-plugin":
        options |= {"path": said.get("path", "/"), "tls": "tls" in said}
    return {**fields, "plugin": plugin, "plugin-opts": options}


def _hysteria(node: Node) -> Fields:
    fields = {**_base(node, "hysteria2"), "password": node.secret, "sni": node.server_name}
    del fields["udp"]
    if node.tls and node.tls.alpn:
        fields["alpn"] = list(node.tls.alpn)
    same = {"mport": "ports", "obfs": "obfs", "obfs-password": "obfs-password", "pinSHA256": "fingerprint"}
    return fields | {name: node.options[said] for said, name in same.items() if node.options.get(said)}


def _tls(node: Node, name_of_server: str) -> Fields:
    if node.tls is None:
        return {}
    fields: Fields = {"tls": True, name_of_server: node.server_name}
    if node.tls.alpn:
        fields["alpn"] = list(node.tls.alpn)
    if node.fingerprint:
        fields["client-fingerprint"] = node.fingerprint
    if len(node.tls.pins) == 1 and CERTIFICATE_HASH.fullmatch(node.tls.pins[0]):  # it takes one, and in hex
        fields["fingerprint"] = node.tls.pins[0]
    if node.tls.reality:
        keys = node.tls.reality
        fields["reality-opts"] = {"public-key": keys.public_key, "short-id": keys.short_id}
    return fields


def _over(node: Node) -> Fields | None:
    over = node.transport
    match over.kind:
        case "tcp" if over.is_plain:
            return {"network": "tcp"}
        case "tcp" if over.header == "http":
            request: Fields = {"method": "GET", "path": [over.path or "/"]}
            if over.host:
                request["headers"] = {"Host": over.host.split(",")}
            return {"network": "http", "http-opts": request}
        case "ws" | "httpupgrade":
            return {"network": "ws", "ws-opts": _websocket(node)}
        case "grpc":
            return {"network": "grpc", "grpc-opts": {"grpc-service-name": over.service_name}}
        case "http":
            named = {"host": over.host.split(",")} if over.host else {}
            return {"network": "h2", "h2-opts": {"path": over.path or "/", **named}}
    return None


def _websocket(node: Node) -> Fields:
    over = node.transport
    fields: Fields = {"path": over.bare_path or "/"}
    if over.host:
        fields["headers"] = {"Host": over.host}
    if over.kind == "httpupgrade":
        fields["v2ray-http-upgrade"] = True
    elif over.early_data:
        fields |= {"max-early-data": over.early_data, "early-data-header-name": EARLY_DATA_HEADER}
    return fields
