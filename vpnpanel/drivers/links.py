"""Which of a panel's links may be shown to a customer: a broken key is worse than none."""

import base64
import ipaddress
import json
import logging
import uuid
from collections.abc import Iterable
from urllib.parse import parse_qs, unquote, urlsplit

log = logging.getLogger(__name__)

SCHEMES = frozenset({"vless", "vmess", "trojan", "ss", "hysteria2", "hy2", "wireguard", "tuic"})
UNREACHABLE = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip


def usable_links(name: str, links: Iterable[object]) -> tuple[str, ...]:
    """Return those of an account's links that an app can use; the others are logged, without keys."""
    usable = []
    for link in links:
        reason = flaw(link)
        if reason is None:
            usable.append(str(link))
        else:
            log.warning("a link of account %s is not usable: %s", name, reason)
    return tuple(usable)


def flaw(link: object) -> str | None:
    """Tell what is wrong with a link, or None."""
    if not isinstance(link, str) or not link.isprintable():
        return "it is not one line of text"
    scheme, separator, rest = link.partition("://")
    if not separator or scheme not in SCHEMES:
        return "unknown scheme"
    try:
        return _flaw_of_vmess(rest) if scheme == "vmess" else _flaw_of_address(link, scheme)
    except ValueError as wrong:
        return f"cannot be read: {type(wrong).__name__}"


def _flaw_of_vmess(rest: str) -> str | None:
    """vmess carries base64 of JSON, in either alphabet, with or without padding."""
    text = rest.partition("#")[0].replace("-", "+").replace("_", "/")
    fields = json.loads(base64.b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(fields, dict):
        return "its JSON is not an object"
    uuid.UUID(str(fields.get("id")))
    return _flaw_of_place(str(fields.get("add") or ""), int(fields.get("port") or 0))


def _flaw_of_address(link: str, scheme: str) -> str | None:
    if scheme == "ss" and "@" not in link:
        return None  # the old form hides its host in base64; apps still read it
    parts = urlsplit(link)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if scheme == "vless":
        uuid.UUID(unquote(parts.username or ""))
    if options.get("security") == "reality" and not options.get("pbk"):
        return "reality without a public key"
    if options.get("flow") and options.get("type", "tcp") not in ("tcp", "raw"):
        return "flow over a transport that has none"
    return _flaw_of_place(parts.hostname or "", parts.port or 0)


def _flaw_of_place(host: str, port: int) -> str | None:
    if not host or host == "localhost":
        return "no host a customer can reach"
    if not 1 <= port <= 65_535:
        return "no port"
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    if any(address in network for network in UNREACHABLE):
        return "a private address"
    return None
