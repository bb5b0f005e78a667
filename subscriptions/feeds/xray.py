"""Whole configurations of Xray, one for each server, as apps with that core take them: a list with `remarks`.

Fields: the project's documentation of outbounds and transports. Nothing refers to geo files, which not every
app has.
"""

import json
from typing import Any

from vpnpanel.nodes import Node

Fields = dict[str, Any]

PROXY, DIRECT, BLOCK = "proxy", "direct", "block"
OWN_NETWORKS = ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                "::1/128", "fc00::/7", "fe80::/10"]  # fmt: skip
SOCKS = {"auth": "noauth", "udp": True}
SNIFFING = {"enabled": True, "destOverride": ["http", "tls", "quic"]}


def carried(node: Node) -> Fields | None:
    """Return the node as an outbound, None if Xray has none for it."""
    settings = _settings(node)
    stream = _stream(node)
    if settings is None or stream is None:
        return None
    protocol = "shadowsocks" if node.scheme == "ss" else node.scheme
    return {"tag": PROXY, "protocol": protocol, "settings": settings, "streamSettings": stream}


def written(entries: list[tuple[str, Fields]]) -> str:
    """Return the list, of names and outbounds."""
    return json.dumps([_configuration(name, outbound) for name, outbound in entries], ensure_ascii=False)


def _configuration(name: str, outbound: Fields) -> Fields:
    here = {"listen": "127.0.0.1", "sniffing": SNIFFING}
    return {
        "remarks": name,
        "log": {"loglevel": "warning"},
        "dns": {"servers": ["1.1.1.1", "8.8.8.8"]},
        "inbounds": [
            {"tag": "socks", "port": 10808, "protocol": "socks", "settings": SOCKS, **here},
            {"tag": "http", "port": 10809, "protocol": "http", "settings": {}, **here},
        ],
        "outbounds": [
            outbound,
            {"tag": DIRECT, "protocol": "freedom", "settings": {}},
            {"tag": BLOCK, "protocol": "blackhole", "settings": {}},
        ],
        "routing": {
            "domainStrategy": "AsIs",
            "rules": [
                {"type": "field", "ip": OWN_NETWORKS, "outboundTag": DIRECT},
                {"type": "field", "network": "tcp,udp", "outboundTag": PROXY},
            ],
        },
    }  # fmt: skip


def _settings(node: Node) -> Fields | None:
    place = {"address": node.host, "port": node.port}
    match node.scheme:
        case "vless":
            user: Fields = {"id": node.secret, "encryption": node.encryption or "none"}
            if node.flow:
                user["flow"] = node.flow
            return {"vnext": [{**place, "users": [user]}]}
        case "vmess":
            user = {"id": node.secret, "alterId": node.alter_id, "security": node.method}
            return {"vnext": [{**place, "users": [user]}]}
        case "trojan":
            return {"servers": [{**place, "password": node.secret}]}
        case "ss" if not node.options.get("plugin"):
            return {"servers": [{**place, "method": node.method, "password": node.secret}]}
    return None


def _stream(node: Node) -> Fields | None:
    over = _over(node)
    if over is None:
        return None
    if node.tls is None:
        return {**over, "security": "none"}
    fields: Fields = {"serverName": node.server_name}
    if node.fingerprint:
        fields["fingerprint"] = node.fingerprint
    if node.tls.reality is None:
        if node.tls.alpn:
            fields["alpn"] = list(node.tls.alpn)
        if node.tls.pins:
            fields["pinnedPeerCertSha256"] = ",".join(node.tls.pins)
        if node.tls.names:
            fields["verifyPeerCertByName"] = ",".join(node.tls.names)
        return {**over, "security": "tls", "tlsSettings": fields}
    keys = node.tls.reality
    fields |= {"publicKey": keys.public_key, "shortId": keys.short_id, "spiderX": keys.spider_x}
    if keys.verify_key:
        fields["mldsa65Verify"] = keys.verify_key
    return {**over, "security": "reality", "realitySettings": fields}


def _over(node: Node) -> Fields | None:
    over = node.transport
    named = {"host": over.host} if over.host else {}
    match over.kind:
        case "tcp" if over.is_plain:
            return {"network": "tcp"}
        case "tcp" if over.header == "http":
            request: Fields = {"path": [over.path or "/"]}
            if over.host:
                request["headers"] = {"Host": over.host.split(",")}
            return {"network": "tcp", "tcpSettings": {"header": {"type": "http", "request": request}}}
        case "ws":
            return {"network": "ws", "wsSettings": {"path": over.path or "/", **named}}
        case "httpupgrade":
            return {"network": "httpupgrade", "httpupgradeSettings": {"path": over.path or "/", **named}}
        case "grpc":
            settings: Fields = {"serviceName": over.service_name, "multiMode": over.mode == "multi"}
            if over.authority:
                settings["authority"] = over.authority
            return {"network": "grpc", "grpcSettings": settings}
        case "xhttp":
            settings = {"path": over.path or "/", "mode": over.mode or "auto", **named}
            if over.extra:
                settings["extra"] = over.extra
            return {"network": "xhttp", "xhttpSettings": settings}
        case "kcp":
            # Newer cores refuse even `none` and an empty seed: they have other fields for both.
            settings = {} if over.header in ("", "none") else {"header": {"type": over.header}}
            if over.seed:
                settings["seed"] = over.seed
            return {"network": "kcp", "kcpSettings": settings}
    return None
