"""Which of a panel's links may be shown to a customer: a broken key is worse than none."""

import ipaddress
import logging
import re
import uuid
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from vpnpanel import sharelinks
from vpnpanel.nodes import Node

log = logging.getLogger(__name__)

SCHEMES = frozenset({"vless", "vmess", "trojan", "ss", "hysteria2", "hy2", "wireguard", "tuic"})
# A vless link whose holder is plainly a UUID: the rest of it is the inbound's, but for the name at the end.
USUAL = re.compile(r"vless://[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}@([^@#]+)(?:#.*)?\Z")
ANY_ID = "00000000-0000-4000-8000-000000000000"
UNREACHABLE = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip


def usable_links(name: str, links: Iterable[object], own_host: str = "") -> tuple[str, ...]:
    """Return those of an account's links that an app can use; the others are logged, without keys.

    `own_host` as in `flaw`.
    """
    usable = []
    for link in links:
        reason = flaw(link, own_host)
        if reason is None:
            usable.append(str(link))
        else:
            log.warning("a link of account %s is not usable: %s", name, reason)
    return tuple(usable)


def key_of(link: str) -> str:
    """Return the part of a link that lets its holder in, whatever name and place stand around it."""
    return sharelinks.read_or_opaque(link).secret or urlsplit(link).username or link


def flaw(link: object, own_host: str = "") -> str | None:
    """Tell what is wrong with a link, or None.

    `own_host`: where we reach the panel ourselves. If that is within a private network, so may its customers
    be: a trial on one machine, a company's own network.
    """
    if not isinstance(link, str) or not link.isprintable():
        return "it is not one line of text"
    if usual := USUAL.match(link):
        return _flaw_of_entrance(usual[1], own_host)
    return _flaw_of(link, own_host)


@lru_cache(maxsize=4096)
def _flaw_of_entrance(address: str, own_host: str) -> str | None:
    """Judge once what all accounts of an inbound have in common: to read it for each takes long."""
    return _flaw_of(f"vless://{ANY_ID}@{address}", own_host)


def _flaw_of(link: str, own_host: str) -> str | None:
    scheme, separator, _ = link.partition("://")
    if not separator or scheme not in SCHEMES:
        return "unknown scheme"
    try:
        node = sharelinks.read(link)
        if node.is_opaque:
            parts = urlsplit(link)
            return _flaw_of_place(parts.hostname or "", parts.port or 0, own_host)
        return _flaw_of_node(node, own_host)
    except (ValueError, RecursionError) as wrong:
        return f"cannot be read: {type(wrong).__name__}"


def _flaw_of_node(node: Node, own_host: str) -> str | None:
    if node.scheme in ("vless", "vmess"):
        uuid.UUID(node.secret)
    if node.tls and node.tls.reality and not node.tls.reality.public_key:
        return "reality without a public key"
    if node.flow and not _may_flow(node):
        return "flow over a transport that has none"
    return _flaw_of_place(node.host, node.port, own_host)


def _may_flow(node: Node) -> bool:
    """Tell whether there is such a flow: over plain TCP, or over XHTTP where VLESS itself encrypts."""
    return node.transport.is_plain or (node.transport.kind == "xhttp" and node.is_encrypted)


def _flaw_of_place(host: str, port: int, own_host: str) -> str | None:
    if not 1 <= port <= 65_535:
        return "no port"
    if not host:
        return "no host a customer can reach"
    if _is_private(host) and host != own_host and not _is_private(own_host):
        return "a private address"
    return None


@lru_cache(maxsize=4096)
def _is_private(host: str) -> bool:
    """Tell whether a host is within somebody's own network: by its address, or by a name without a dot."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return bool(host) and "." not in host
    return any(address in network for network in UNREACHABLE)
