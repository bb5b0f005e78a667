"""Reads share links, and gives them other names.

Forms: the share-link proposal of Project X (vless, trojan), vmess as v2rayN writes it, SIP002 and its
forerunner (ss), Hysteria 2's URI scheme. Values are percent-encoded and a plus is a plus.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from vpnpanel.nodes import Node, Reality, Tls, Transport

Options = dict[str, str]

SAME_KIND = {"": "tcp", "raw": "tcp", "splithttp": "xhttp", "mkcp": "kcp", "h2": "http"}
SAME_SCHEME = {"hy2": "hysteria2"}


def read(link: str) -> Node:
    """Return what a link says. Raises ValueError if it cannot be read; schemes we don't know are opaque."""
    scheme, separator, rest = link.partition("://")
    if not separator:
        raise ValueError("not a link")
    scheme = SAME_SCHEME.get(scheme, scheme)
    reader = READERS.get(scheme)
    if reader is None:
        return Node(link=link, scheme=scheme, name=unquote(rest.partition("#")[2]))
    node = reader(link)
    if not node.host or not 1 <= node.port <= 65_535 or not node.secret:
        raise ValueError("no host, port or secret")
    return node


def read_or_opaque(link: str) -> Node:
    """Return what a link says; one that cannot be read still has its text and its name."""
    try:
        return read(link)
    except (ValueError, RecursionError):
        scheme, _, rest = link.partition("://")
        return Node(link=link, scheme=scheme, name=unquote(rest.partition("#")[2]))


def renamed(node: Node, name: str) -> Node:
    """Return the same server under another name, in its link too."""
    if node.scheme == "vmess" and not node.is_opaque:
        fields = _vmess_fields(node.link)
        text = json.dumps({**fields, "ps": name}, ensure_ascii=False, separators=(",", ":"))
        return replace(node, name=name, link=f"vmess://{base64.b64encode(text.encode()).decode()}")
    return replace(node, name=name, link=f"{node.link.partition('#')[0]}#{quote(name, safe='')}")


def _read_vless(link: str) -> Node:
    parts, options = _split(link)
    return Node(
        link=link,
        scheme="vless",
        name=unquote(parts.fragment),
        host=parts.hostname or "",
        port=parts.port or 0,
        secret=unquote(parts.username or ""),
        flow=options.get("flow", ""),
        encryption=options.get("encryption", ""),
        tls=_tls(options, options.get("security", "none")),
        transport=_transport(options),
    )


def _read_trojan(link: str) -> Node:
    parts, options = _split(link)
    return Node(
        link=link,
        scheme="trojan",
        name=unquote(parts.fragment),
        host=parts.hostname or "",
        port=parts.port or 0,
        secret=_whole_user(parts),
        flow=options.get("flow", ""),
        tls=_tls(options, options.get("security") or "tls"),
        transport=_transport(options),
    )


def _read_hysteria(link: str) -> Node:
    parts, options = _split(link)
    return Node(
        link=link,
        scheme="hysteria2",
        name=unquote(parts.fragment),
        host=parts.hostname or "",
        port=parts.port or 443,
        secret=_whole_user(parts),
        tls=Tls(server_name=options.get("sni", ""), alpn=_listed(options.get("alpn", ""))),
        options=options,
    )


def _read_vmess(link: str) -> Node:
    fields = _vmess_fields(link)
    text = {name: str(value) for name, value in fields.items() if value is not None}
    kind = SAME_KIND.get(text.get("net", ""), text.get("net", ""))
    header, path = text.get("type", ""), text.get("path", "")
    return Node(
        link=link,
        scheme="vmess",
        name=text.get("ps", ""),
        host=text.get("add", "").strip("[]"),
        port=int(text.get("port") or 0),
        secret=text.get("id", ""),
        method=text.get("scy") or "auto",
        alter_id=int(text.get("aid") or 0),
        tls=_tls(text, text.get("tls") or "none"),
        # One field of the link means another thing with each transport.
        transport=Transport(
            kind=kind,
            path="" if kind in ("grpc", "kcp") else path,
            host=text.get("host", ""),
            service_name=path if kind == "grpc" else "",
            mode=header if kind in ("grpc", "xhttp") else "",
            header=header if kind in ("tcp", "kcp") else "",
            seed=path if kind == "kcp" else "",
        ),
    )


def _vmess_fields(link: str) -> dict[str, Any]:
    fields = json.loads(_decoded(link.removeprefix("vmess://").partition("#")[0]))
    if not isinstance(fields, dict):
        raise ValueError("its JSON is not an object")
    return fields


def _read_shadowsocks(link: str) -> Node:
    """Read all three forms: user part in base64, 2022 ciphers in plain, and the old one all in base64.

    Panels on Xray run it over TLS and its transports too, and write that down as with vless.
    """
    rest, _, name = link.removeprefix("ss://").partition("#")
    body, _, query = rest.partition("?")
    if "@" not in body:
        body = _decoded(body.rstrip("/"))
        user, _, place = body.rpartition("@")
        method, _, password = user.partition(":")
    else:
        user, _, place = body.rpartition("@")
        user = user if ":" in user else _decoded(unquote(user))
        method, _, password = (unquote(part) for part in user.partition(":"))
    parts = urlsplit(f"//{place.rstrip('/')}")
    options = _options(query)
    return Node(
        link=link,
        scheme="ss",
        name=unquote(name),
        host=parts.hostname or "",
        port=parts.port or 0,
        secret=password,
        method=method.lower(),
        tls=_tls(options, options.get("security", "none")),
        transport=_transport(options),
        options=options,
    )


READERS: dict[str, Callable[[str], Node]] = {
    "vless": _read_vless,
    "vmess": _read_vmess,
    "trojan": _read_trojan,
    "ss": _read_shadowsocks,
    "hysteria2": _read_hysteria,
}


def _split(link: str) -> tuple[SplitResult, Options]:
    parts = urlsplit(link)
    return parts, _options(parts.query)


def _options(query: str) -> Options:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _whole_user(parts: SplitResult) -> str:
    """Return the user part; a colon in it is part of the password."""
    return unquote(parts.netloc.rpartition("@")[0])


def _decoded(text: str) -> str:
    """Decode base64 in either alphabet, with or without padding."""
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _tls(options: Options, security: str) -> Tls | None:
    if security not in ("tls", "reality"):
        return None
    reality = None
    if security == "reality":
        reality = Reality(
            public_key=options.get("pbk", ""),
            short_id=options.get("sid", ""),
            spider_x=options.get("spx", ""),
            verify_key=options.get("pqv", ""),
        )
    return Tls(
        server_name=options.get("sni", ""),
        fingerprint=options.get("fp", ""),
        alpn=_listed(options.get("alpn", "")),
        pins=_listed(options.get("pcs", "")),
        names=_listed(options.get("vcn", "")),
        reality=reality,
    )


def _transport(options: Options) -> Transport:
    kind = SAME_KIND.get(options.get("type", ""), options.get("type", ""))
    return Transport(
        kind=kind,
        path=options.get("path", ""),
        host=options.get("host", ""),
        service_name=options.get("serviceName", ""),
        mode=options.get("mode", ""),
        authority=options.get("authority", ""),
        header=options.get("headerType", ""),
        seed=options.get("seed", ""),
        extra=_extra(options.get("extra", "")),
    )


def _extra(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
