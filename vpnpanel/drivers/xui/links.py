"""The share links of a client, built from its inbound as the panel itself would, but the same each time.

Where the panel draws by lot (server name, short id), the first is taken; the path it makes up for REALITY
comes from the client's subscription id, as in newer versions.
"""

import base64
import hashlib
import ipaddress
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from vpnpanel.drivers.links import flaw
from vpnpanel.drivers.xui.inbounds import Client, Inbound

log = logging.getLogger(__name__)

Fields = dict[str, str]
SCHEMES = {"vless": "vless", "vmess": "vmess", "trojan": "trojan", "shadowsocks": "ss"}
SPIDER_LENGTH = 15
# Stands for what differs from client to client in a text that is made once for all of them.
SPIDER = "spiderspider"
# Of the settings of XHTTP: what links have a field of their own for, and what is the server's alone.
XHTTP_ELSEWHERE = frozenset(
    {"path", "host", "mode", "headers", "acceptProxyProtocol", "scMaxBufferedPosts", "scStreamUpServerSecs",
     "noSSEHeader"}
)  # fmt: skip
XHTTP_USUAL = {"xPaddingBytes": "100-1000", "scMaxEachPostBytes": "1000000", "scMinPostsIntervalMs": "30"}
SAMPLE = {"id": str(uuid.UUID(int=0, version=4)), "password": "sample", "email": "sample"}


@dataclass(frozen=True)
class Place:
    """Where one link leads. `security` is empty where the inbound's own holds."""

    host: str
    port: int
    remark: str
    security: str = ""


@dataclass(frozen=True)
class Way:
    """One way in: what the links of all clients have in common. `seed`: of the path made up for REALITY."""

    inbound: Inbound
    place: Place
    tail: str
    seed: str
    fields: Fields

    def link(self, client: Client) -> str:
        """Return a client's link; empty if the client has no key for it."""
        if self.inbound.protocol == "vmess":
            return _vmess(self, client)
        user = _user(self.inbound, client)
        if not user:
            return ""
        tail = self.tail
        if SPIDER in tail:
            whose = client.get("subId") or client.get("email") or ""
            digest = hashlib.sha256(f"{self.seed}|{whose}".encode()).hexdigest()
            tail = tail.replace(SPIDER, digest[:SPIDER_LENGTH])
        return f"{SCHEMES[self.inbound.protocol]}://{user}{tail}"


@dataclass
class LinkWriter:
    """Writes links of one panel's clients; what is alike for all of an inbound is made and judged once.

    `public_host` is where staff, or the panel itself, say that customers of an inbound connect to.
    """

    panel_url: str
    public_host: Callable[[Inbound], str]
    _ways: dict[tuple[int, str], list[Way]] = field(default_factory=dict)

    def links(self, inbound: Inbound, client: Client) -> list[str]:
        """Return the client's links through the inbound that an app can use."""
        if not inbound.is_enabled or inbound.protocol not in SCHEMES:
            return []
        flow = str(client.get("flow") or "") if inbound.carries_flow else ""
        key = (inbound.id, flow)
        if key not in self._ways:
            self._ways[key] = [way for way in self._all_ways(inbound, flow) if self._is_usable(way)]
        links = (way.link(client) for way in self._ways[key])
        return [link for link in links if link]

    def _all_ways(self, inbound: Inbound, flow: str) -> Iterator[Way]:
        for place in _places(inbound, self.public_host(inbound), self.panel_url):
            yield _way(inbound, place, flow)

    def _is_usable(self, way: Way) -> bool:
        """Judge by the link that somebody with sound keys would get."""
        reason = flaw(way.link(SAMPLE), urlsplit(self.panel_url).hostname or "")
        if reason is not None:
            log.warning(
                "links of inbound %s of %s are not usable: %s", way.inbound.tag, self.panel_url, reason
            )
        return reason is None


def _way(inbound: Inbound, place: Place, flow: str) -> Way:
    fields = _fields(inbound, place)
    if inbound.protocol == "vless":
        fields |= {"encryption": str(inbound.settings.get("encryption") or "")}
        fields |= {"flow": flow if fields["security"] != "none" else ""}
    elif inbound.protocol == "shadowsocks" and fields["security"] == "none":
        fields["security"] = ""  # it has its own
    fields = {name: value for name, value in fields.items() if value}
    host = f"[{place.host}]" if ":" in place.host and not place.host.startswith("[") else place.host
    query = urlencode(sorted(fields.items()), quote_via=quote, safe="")
    tail = f"@{host}:{place.port}?{query}#{quote(place.remark, safe='')}"
    return Way(inbound, place, tail, seed=_spider_seed(inbound), fields=fields)


def host_of(inbound: Inbound, public_host: str, panel_url: str) -> str:
    """Return where customers connect to: as staff say, as the inbound says, else where the panel is."""
    if public_host:
        return public_host
    if inbound.share_host:
        return inbound.share_host
    if _is_concrete(inbound.listen):
        return inbound.listen
    return urlsplit(panel_url).hostname or ""


def places_of(links: Iterable[object]) -> dict[tuple[str, int], str]:
    """Return the host of each link by its inbound's protocol and port; what cannot be read is left out."""
    found: dict[tuple[str, int], str] = {}
    for link in links:
        scheme, _, rest = str(link).partition("://")
        protocol = {"ss": "shadowsocks"}.get(scheme, scheme)
        try:
            if scheme == "vmess":
                shown = json.loads(base64.b64decode(rest))
                host, port = str(shown["add"]), int(shown["port"])
            else:
                parts = urlsplit(str(link))
                host, port = parts.hostname or "", parts.port or 0
        except (KeyError, TypeError, ValueError):
            continue
        found.setdefault((protocol, port), host)
    return found


def _is_concrete(listen: str) -> bool:
    if not listen or listen.startswith(("/", "@")):  # a socket file
        return False
    try:
        address = ipaddress.ip_address(listen)
    except ValueError:
        return "." in listen
    return not (address.is_unspecified or address.is_loopback)


def _places(inbound: Inbound, public_host: str, panel_url: str) -> Iterator[Place]:
    proxies = inbound.stream.get("externalProxy")
    proxies = [each for each in proxies if isinstance(each, dict)] if isinstance(proxies, list) else []
    name = inbound.remark or inbound.tag
    for proxy in proxies:
        said = str(proxy.get("forceTls") or "same")
        yield Place(
            host=str(proxy.get("dest") or host_of(inbound, public_host, panel_url)),
            port=int(proxy.get("port") or inbound.port),
            remark=f"{name} {proxy.get('remark') or ''}".strip(),
            security="" if said == "same" else said,
        )
    if not proxies:
        yield Place(host_of(inbound, public_host, panel_url), inbound.port, name)


def _user(inbound: Inbound, client: Client) -> str:
    """Return what stands before the host of a link; empty if the client lacks it."""
    match inbound.protocol:
        case "vless":
            return _uuid(client)
        case "trojan":
            return quote(str(client.get("password") or ""), safe="")
    key = str(client.get("password") or "")
    if not key:
        return ""
    if (
        inbound.key_bytes
    ):  # SIP022: the ciphers of 2022 stand in plain, with the server's key before one's own
        parts = [inbound.cipher, str(inbound.settings.get("password") or ""), key]
        return ":".join(quote(part, safe="") for part in parts)
    return base64.urlsafe_b64encode(f"{inbound.cipher}:{key}".encode()).decode().rstrip("=")


def _uuid(client: Client) -> str:
    try:
        uuid.UUID(str(client.get("id")))
    except ValueError:
        return ""
    return str(client["id"])


def _vmess(way: Way, client: Client) -> str:
    place, fields = way.place, way.fields
    shown = {
        "v": "2",
        "ps": place.remark,
        "add": place.host,
        "port": place.port,
        "id": _uuid(client),
        "aid": 0,
        "scy": str(client.get("security") or "auto"),
        "net": way.inbound.network,
        "type": fields.get("headerType") or fields.get("mode") or "none",
        "tls": fields["security"],
        "path": fields.get("path") or fields.get("serviceName") or fields.get("seed") or "",
        "host": fields.get("host") or fields.get("authority") or "",
    }
    named = ("sni", "fp", "alpn", "ech", "pcs", "vcn", "extra")
    shown |= {name: fields[name] for name in named if name in fields}
    return "vmess://" + base64.b64encode(json.dumps(shown).encode()).decode() if shown["id"] else ""


def _fields(inbound: Inbound, place: Place) -> Fields:
    """Return the link's fields for transport and security."""
    security = place.security or inbound.security
    fields = {"type": inbound.network, **_transport(inbound.network, inbound.stream)}
    if security == "reality":
        fields |= _reality(_part(inbound.stream, "realitySettings"))
    elif security == "tls":
        fields |= _tls(_part(inbound.stream, "tlsSettings"))
    return fields | {"security": security}


def _spider_seed(inbound: Inbound) -> str:
    return _text(_part(_part(inbound.stream, "realitySettings"), "settings"), "spiderX")


def _transport(network: str, stream: Mapping[str, Any]) -> Fields:
    own = _part(stream, f"{network}Settings")
    match network:
        case "tcp":
            return _tcp(own or _part(stream, "rawSettings"))
        case "ws" | "httpupgrade":
            return {"path": _text(own, "path"), "host": _text(own, "host") or _host_header(own)}
        case "xhttp" | "splithttp":
            return {
                "path": _text(own, "path"),
                "host": _text(own, "host") or _host_header(own),
                "mode": _text(own, "mode"),
                "extra": _extra(own),
            }
        case "grpc":
            return {
                "serviceName": _text(own, "serviceName"),
                "authority": _text(own, "authority"),
                "mode": "multi" if own.get("multiMode") else "",
            }
        case "kcp":
            return {"headerType": _text(_part(own, "header"), "type"), "seed": _text(own, "seed")}
    return {}


def _extra(own: Mapping[str, Any]) -> str:
    """Return what else of XHTTP both sides must agree on, as compact JSON; empty where it is as usual."""
    found = {name: value for name, value in own.items() if value and name not in XHTTP_ELSEWHERE}
    found = {name: value for name, value in found.items() if str(value) != XHTTP_USUAL.get(name)}
    headers = {name: value for name, value in _part(own, "headers").items() if name.lower() != "host"}
    found |= {"headers": headers} if headers else {}
    return json.dumps(found, separators=(",", ":"), sort_keys=True) if found else ""


def _tcp(own: Mapping[str, Any]) -> Fields:
    header = _part(own, "header")
    if header.get("type") != "http":
        return {}
    request = _part(header, "request")
    return {"headerType": "http", "path": _first(request.get("path")), "host": _host_header(request)}


def _tls(own: Mapping[str, Any]) -> Fields:
    """Never `allowInsecure`: with it newer cores refuse the whole configuration. They have `pcs` for it, the
    certificate's hash."""
    settings = _part(own, "settings")
    return {
        "sni": _text(own, "serverName"),
        "fp": _text(settings, "fingerprint"),
        "alpn": _all(own.get("alpn")),
        "ech": _text(settings, "echConfigList"),
        "pcs": _all(settings.get("pinnedPeerCertSha256")),
        "vcn": _all(settings.get("verifyPeerCertByName")),
    }


def _reality(own: Mapping[str, Any]) -> Fields:
    settings = _part(own, "settings")
    return {
        "pbk": _text(settings, "publicKey"),
        "fp": _text(settings, "fingerprint") or "chrome",  # there is no REALITY without one
        "sni": _first(own.get("serverNames")) or _text(settings, "serverName"),
        "sid": _first(own.get("shortIds")),
        "spx": f"/{SPIDER}",
        "pqv": _text(settings, "mldsa65Verify"),
    }


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    return str(value.get(name) or "")


def _all(value: Any) -> str:
    """Return a list's texts with commas between them, and a text as it is."""
    return ",".join(str(each) for each in value if each) if isinstance(value, list) else str(value or "")


def _first(value: Any) -> str:
    """Return the first text of a list, or of a text that holds one per comma."""
    if isinstance(value, str):
        value = value.split(",")
    return str(value[0]).strip() if isinstance(value, list) and value else ""


def _host_header(own: Mapping[str, Any]) -> str:
    headers = _part(own, "headers")
    value = headers.get("Host") or headers.get("host") or ""
    return _first(value) if isinstance(value, list) else str(value)
