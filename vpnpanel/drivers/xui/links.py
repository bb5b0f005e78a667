"""The share links of a client, built from its inbound as the panel itself would, but the same each time.

Where the panel draws by lot (server name, short id), the first is taken; the path it makes up for REALITY
comes from the client's subscription id, as in newer versions.
"""

import base64
import hashlib
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from vpnpanel.drivers.xui.inbounds import Client, Inbound

Fields = dict[str, str]
SPIDER_LENGTH = 15


@dataclass(frozen=True)
class Place:
    """Where one link leads. `security` is empty where the inbound's own holds."""

    host: str
    port: int
    remark: str
    security: str = ""


def links_of(inbound: Inbound, client: Client, *, public_host: str, panel_url: str) -> list[str]:
    """Return the client's links through the inbound; none for a protocol whose links we cannot build."""
    builders = {"vless": _vless, "vmess": _vmess, "trojan": _trojan, "shadowsocks": _shadowsocks}
    build = builders.get(inbound.protocol)
    if build is None:
        return []
    return [build(inbound, client, place) for place in _places(inbound, public_host, panel_url)]


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


def _vless(inbound: Inbound, client: Client, place: Place) -> str:
    fields = _fields(inbound, client, place)
    if encryption := str(inbound.settings.get("encryption") or ""):
        fields["encryption"] = encryption
    flow = str(client.get("flow") or "")
    if flow and inbound.carries_flow and fields["security"] != "none":
        fields["flow"] = flow
    return _link("vless", str(client.get("id") or ""), place, fields)


def _trojan(inbound: Inbound, client: Client, place: Place) -> str:
    return _link("trojan", str(client.get("password") or ""), place, _fields(inbound, client, place))


def _shadowsocks(inbound: Inbound, client: Client, place: Place) -> str:
    method = str(inbound.settings.get("method") or "")
    keys = [str(client.get("password") or "")]
    if inbound.key_bytes:
        keys.insert(0, str(inbound.settings.get("password") or ""))
    user = base64.urlsafe_b64encode(":".join([method, *keys]).encode()).decode().rstrip("=")
    fields = _fields(inbound, client, place)
    if fields["security"] == "none":
        del fields["security"]  # it has its own
    return _link("ss", user, place, fields)


def _vmess(inbound: Inbound, client: Client, place: Place) -> str:
    fields = _fields(inbound, client, place)
    shown = {
        "v": "2",
        "ps": place.remark,
        "add": place.host,
        "port": place.port,
        "id": str(client.get("id") or ""),
        "aid": 0,
        "scy": str(client.get("security") or "auto"),
        "net": inbound.network,
        "type": fields.get("headerType") or fields.get("mode") or "none",
        "tls": fields["security"],
        "path": fields.get("path") or fields.get("serviceName") or fields.get("seed") or "",
        "host": fields.get("host") or fields.get("authority") or "",
    }
    shown |= {name: fields[name] for name in ("sni", "fp", "alpn") if name in fields}
    return "vmess://" + base64.b64encode(json.dumps(shown).encode()).decode()


def _link(scheme: str, user: str, place: Place, fields: Fields) -> str:
    host = f"[{place.host}]" if ":" in place.host and not place.host.startswith("[") else place.host
    query = urlencode(sorted(fields.items()), quote_via=quote, safe="")
    return f"{scheme}://{quote(user, safe='')}@{host}:{place.port}?{query}#{quote(place.remark, safe='')}"


def _fields(inbound: Inbound, client: Client, place: Place) -> Fields:
    """Return the link's fields for transport and security, empty ones left out."""
    security = place.security or inbound.security
    fields = {"type": inbound.network, **_transport(inbound.network, inbound.stream)}
    if security == "reality":
        fields |= _reality(_part(inbound.stream, "realitySettings"), client)
    elif security == "tls":
        fields |= _tls(_part(inbound.stream, "tlsSettings"))
    fields = {name: value for name, value in fields.items() if value}
    return fields | {"security": security}


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


def _tcp(own: Mapping[str, Any]) -> Fields:
    header = _part(own, "header")
    if header.get("type") != "http":
        return {}
    request = _part(header, "request")
    return {"headerType": "http", "path": _first(request.get("path")), "host": _host_header(request)}


def _tls(own: Mapping[str, Any]) -> Fields:
    settings = _part(own, "settings")
    alpn = own.get("alpn")
    return {
        "sni": _text(own, "serverName"),
        "fp": _text(settings, "fingerprint"),
        "alpn": ",".join(str(each) for each in alpn) if isinstance(alpn, list) else "",
        "allowInsecure": "1" if settings.get("allowInsecure") else "",
    }


def _reality(own: Mapping[str, Any], client: Client) -> Fields:
    settings = _part(own, "settings")
    seed = f"{_text(settings, 'spiderX')}|{client.get('subId') or client.get('email') or ''}"
    return {
        "pbk": _text(settings, "publicKey"),
        "fp": _text(settings, "fingerprint"),
        "sni": _first(own.get("serverNames")) or _text(settings, "serverName"),
        "sid": _first(own.get("shortIds")),
        "spx": "/" + hashlib.sha256(seed.encode()).hexdigest()[:SPIDER_LENGTH],
        "pqv": _text(settings, "mldsa65Verify"),
    }


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    return str(value.get(name) or "")


def _first(value: Any) -> str:
    """Return the first text of a list, or of a text that holds one per comma."""
    if isinstance(value, str):
        value = value.split(",")
    return str(value[0]).strip() if isinstance(value, list) and value else ""


def _host_header(own: Mapping[str, Any]) -> str:
    headers = _part(own, "headers")
    value = headers.get("Host") or headers.get("host") or ""
    return _first(value) if isinstance(value, list) else str(value)
