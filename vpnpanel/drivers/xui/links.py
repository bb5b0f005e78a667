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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from core.http import site_of
from vpnpanel.drivers.links import flaw
from vpnpanel.drivers.xui.inbounds import Client, Inbound

log = logging.getLogger(__name__)

# Values are texts, but in links of VMess.
Fields = dict[str, Any]
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
VMESS_ALWAYS = {"type": "none", "tls": "none", "path": "", "host": ""}
VMESS_ORDER = ("sni", "fp", "alpn", "ech", "pcs", "vcn", "extra")
SAMPLE = {"id": str(uuid.UUID(int=0, version=4)), "password": "sample", "email": "sample"}


@dataclass(frozen=True)
class Way:
    """One way in through an inbound: what the links of all its clients have in common.

    `fields` are named as in the link; `seed`: of the path made up for REALITY. `is_fixed`: the host is one an
    inbound itself names for an external proxy, whatever staff say of the panel's.
    """

    host: str
    port: int
    name: str
    fields: Fields = field(repr=False)
    seed: str = ""
    is_fixed: bool = False


@dataclass(frozen=True)
class Form:
    """A way's link, but for what is the client's own."""

    inbound: Inbound
    way: Way
    tail: str

    def link(self, client: Client) -> str:
        """Return a client's link; empty if the client has no key for it."""
        user = user_of(self.inbound, client)
        if not user:
            return ""
        if self.inbound.protocol == "vmess":
            return _vmess(self, user, client)
        tail = self.tail
        if SPIDER in tail:
            whose = client.get("subId") or client.get("email") or ""
            digest = hashlib.sha256(f"{self.way.seed}|{whose}".encode()).hexdigest()
            tail = tail.replace(SPIDER, digest[:SPIDER_LENGTH])
        return f"{SCHEMES[self.inbound.protocol]}://{user}{tail}"


@dataclass
class LinkWriter:
    """Writes links of one panel's clients; what is alike for all of an inbound is made and judged once.

    `public_host` is where staff say that customers connect to, `learnt` the ways by the numbers of their
    inbounds where the panel's own links told them; the others are built from the inbound.
    """

    panel_url: str
    public_host: str = ""
    learnt: Mapping[int, Sequence[Way]] = field(default_factory=dict)
    _forms: dict[tuple[int, str], list[Form]] = field(default_factory=dict)

    def links(self, inbound: Inbound, client: Client) -> list[str]:
        """Return the client's links through the inbound that an app can use."""
        if not inbound.is_enabled or inbound.protocol not in SCHEMES:
            return []
        flow = str(client.get("flow") or "") if inbound.carries_flow else ""
        key = (inbound.id, flow)
        if key not in self._forms:
            made = [_form(inbound, way, flow) for way in self._ways(inbound)]
            alike = {form.link(SAMPLE): form for form in made}
            self._forms[key] = [form for link, form in alike.items() if self._is_usable(link, inbound)]
        links = (form.link(client) for form in self._forms[key])
        return [link for link in links if link]

    def _ways(self, inbound: Inbound) -> Iterable[Way]:
        learnt = self.learnt.get(inbound.id)
        if not learnt:
            return built_ways(inbound, self.public_host, self.panel_url)
        if not self.public_host:
            return learnt
        return [way if way.is_fixed else replace(way, host=self.public_host) for way in learnt]

    def _is_usable(self, link: str, inbound: Inbound) -> bool:
        """Judge by the link that somebody with sound keys would get."""
        reason = flaw(link, urlsplit(self.panel_url).hostname or "")
        if reason is not None:
            site = site_of(self.panel_url)
            log.warning("links of inbound %s of %s are not usable: %s", inbound.tag, site, reason)
        return reason is None


def built_ways(inbound: Inbound, public_host: str, panel_url: str) -> Iterator[Way]:
    """Yield the ways in as far as the inbound itself tells them."""
    host = host_of(inbound, public_host, panel_url)
    for proxy in proxies_of(inbound) or [{}]:
        said = str(proxy.get("forceTls") or "same")
        yield Way(
            host=str(proxy.get("dest") or host),
            port=int(proxy.get("port") or inbound.port),
            name=name_of(inbound, proxy),
            fields=fields_of(inbound, inbound.security if said == "same" else said),
            seed=spider_seed(inbound),
        )


def _form(inbound: Inbound, way: Way, flow: str) -> Form:
    fields = way.fields
    if inbound.protocol == "vless" and fields.get("security", "none") != "none":
        fields = fields | {"flow": flow}
    host = f"[{way.host}]" if ":" in way.host and not way.host.startswith("[") else way.host
    said = sorted((name, value) for name, value in fields.items() if value)
    query = urlencode(said, quote_via=quote, safe="")
    return Form(inbound, way, f"@{host}:{way.port}?{query}#{quote(way.name, safe='')}")


def host_of(inbound: Inbound, public_host: str, panel_url: str) -> str:
    """Return where customers connect to: as staff say, as the inbound says, else where the panel is."""
    if public_host:
        return public_host
    if inbound.share_host:
        return inbound.share_host
    if _is_concrete(inbound.listen):
        return inbound.listen
    return urlsplit(panel_url).hostname or ""


def _is_concrete(listen: str) -> bool:
    if not listen or listen.startswith(("/", "@")):  # a socket file
        return False
    try:
        address = ipaddress.ip_address(listen)
    except ValueError:
        return "." in listen
    return not (address.is_unspecified or address.is_loopback)


def proxies_of(inbound: Inbound) -> list[dict[str, Any]]:
    """Return the places in front of an inbound that it names itself."""
    proxies = inbound.stream.get("externalProxy")
    return [each for each in proxies if isinstance(each, dict)] if isinstance(proxies, list) else []


def name_of(inbound: Inbound, proxy: Mapping[str, Any]) -> str:
    return f"{inbound.remark or inbound.tag} {proxy.get('remark') or ''}".strip()


def user_of(inbound: Inbound, client: Client) -> str:
    """Return what stands before the host of a link, its holder's key; empty if the client lacks it."""
    match inbound.protocol:
        case "vless" | "vmess":
            return _uuid(client)
        case "trojan":
            return quote(str(client.get("password") or ""), safe="")
    key = str(client.get("password") or "")
    if not key:
        return ""
    if inbound.key_bytes:
        # SIP022: the ciphers of 2022 stand in plain, with the server's key before one's own.
        parts = [inbound.cipher, str(inbound.settings.get("password") or ""), key]
        return ":".join(quote(part, safe="") for part in parts)
    return base64.urlsafe_b64encode(f"{inbound.cipher}:{key}".encode()).decode().rstrip("=")


def _uuid(client: Client) -> str:
    try:
        uuid.UUID(str(client.get("id")))
    except ValueError:
        return ""
    return str(client["id"])


def _vmess(form: Form, user: str, client: Client) -> str:
    way, fields = form.way, form.way.fields
    shown = {
        "v": "2",
        "ps": way.name,
        "add": way.host,
        "port": way.port,
        "id": user,
        "aid": 0,
        "scy": str(client.get("security") or "auto"),
        "net": form.inbound.network,
    }
    shown |= {name: fields.get(name, value) for name, value in VMESS_ALWAYS.items()}
    shown |= {name: fields[name] for name in VMESS_ORDER if name in fields}
    shown |= dict(sorted(fields.items()))
    return "vmess://" + base64.b64encode(json.dumps(shown).encode()).decode()


def fields_of(inbound: Inbound, security: str) -> Fields:
    """Return the fields of the inbound's links, were this its security; values may be empty."""
    fields = {"type": inbound.network, **_transport(inbound.network, inbound.stream)}
    if security == "reality":
        fields |= reality_of(inbound)
    elif security == "tls":
        fields |= _tls(_part(inbound.stream, "tlsSettings"))
    fields["security"] = security
    match inbound.protocol:
        case "vless":
            fields["encryption"] = str(inbound.settings.get("encryption") or "")
        case "shadowsocks" if security == "none":
            fields["security"] = ""  # it has its own
        case "vmess":
            return _in_vmess(fields)
    return fields


def _in_vmess(fields: Fields) -> Fields:
    """Return the fields under the names they have in links of VMess."""
    shown = {
        "type": fields.get("headerType") or fields.get("mode") or "none",
        "tls": fields["security"],
        "path": fields.get("path") or fields.get("serviceName") or fields.get("seed"),
        "host": fields.get("host") or fields.get("authority"),
    }
    shown |= {name: fields[name] for name in VMESS_ORDER if name in fields}
    return {name: value for name, value in shown.items() if value}


def spider_seed(inbound: Inbound) -> str:
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


def reality_of(inbound: Inbound) -> Fields:
    """Return the fields of the inbound's REALITY, the first of each list it has."""
    own = _part(inbound.stream, "realitySettings")
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
