"""The panel's own links of one client, read as what the links of all clients have in common.

Its host overrides, and how to reach an inbound that stands behind another one, only the panel knows. What it
draws by lot is told from its inbounds, so that whoever's links are read, the same is learnt.
"""

import base64
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from vpnpanel.drivers.xui.inbounds import Client, Inbound
from vpnpanel.drivers.xui.links import (
    SCHEMES,
    SPIDER,
    Fields,
    Way,
    fields_of,
    name_of,
    proxies_of,
    reality_of,
    spider_seed,
    user_of,
)

log = logging.getLogger(__name__)

PROTOCOLS = {scheme: protocol for protocol, scheme in SCHEMES.items()}
# Of a link's fields: what is the client's own, and what newer cores refuse the whole configuration for.
LEFT_OUT = frozenset({"flow", "allowInsecure", "insecure"})
LEFT_OUT_OF_VMESS = LEFT_OUT | {"v", "ps", "id", "aid", "scy", "net"}
PATHS = ("path", "serviceName")
OWN = ("id", "password", "auth", "subId", "email")
# Anything shorter may stand in a link by chance.
TELLING_LENGTH = 8


@dataclass(frozen=True)
class Said:
    """What one link says. `user`: whatever stands for its holder there."""

    protocol: str
    user: str = field(repr=False)
    host: str
    port: int
    network: str
    fields: Fields = field(repr=False)

    def fits(self, inbound: Inbound, client: Client) -> bool:
        """Tell whether it may be the client's link through this inbound, from what nothing overrides."""
        return (
            self.protocol == inbound.protocol
            and self.network in ("", inbound.network)
            and bool(user := user_of(inbound, client))
            and _holder(self.protocol, user) == _holder(self.protocol, self.user)
        )

    def closeness(self, inbound: Inbound) -> int:
        """Return how much of what may be overridden is still the inbound's own."""
        own = fields_of(inbound, inbound.security)
        is_alike = all((self.fields.get(name) or "") == (own.get(name) or "") for name in PATHS)
        return (self.port == inbound.port) + is_alike

    def is_to(self, proxy: Mapping[str, Any]) -> bool:
        """Tell whether it leads where an external proxy is."""
        return str(proxy.get("dest") or "").strip("[]").lower() == self.host.lower()


def learn(
    links: Iterable[object], client: Client, stands_on: Sequence[Inbound], inbounds: Sequence[Inbound]
) -> dict[int, tuple[Way, ...]]:
    """Return by inbound the ways that a client's links show; none where they do not tell.

    `stands_on`: the client's inbounds, of all `inbounds` of the panel.
    """
    found: dict[int, list[Said]] = {each.id: [] for each in stands_on}
    left: list[tuple[Said, list[Inbound]]] = []
    for said in filter(None, map(_read, links)):
        fit = [each for each in stands_on if said.fits(each, client)]
        if not fit or _tells_of(said, client):
            log.info("a %s link of the panel to port %s is left aside", said.protocol, said.port)
            continue
        closest = max(map(said.closeness, fit))
        own = [each for each in fit if said.closeness(each) == closest]
        if len(own) == 1:
            found[own[0].id].append(said)
        else:
            left.append((said, fit))
    silent = {inbound_id for inbound_id, said in found.items() if not said}
    for said, fit in left:
        own = [each for each in fit if each.id in silent]
        if len(own) == 1:
            found[own[0].id].append(said)
        else:
            log.warning("a %s link of the panel to port %s may be any inbound's", said.protocol, said.port)
    return {each.id: tuple(_way(said, each, inbounds) for said in found[each.id]) for each in stands_on}


def _read(link: object) -> Said | None:
    """Return what a link says; None where it cannot be read, or no inbound of ours has such links."""
    scheme, _, rest = str(link).partition("://")
    if scheme not in PROTOCOLS:
        return None
    try:
        if scheme == "vmess":
            shown = json.loads(base64.b64decode(rest))
            place = str(shown.pop("add")).strip("[]"), int(shown.pop("port"))
            return Said(scheme, str(shown["id"]), *place, _network(shown.get("net")), shown)
        parts = urlsplit(str(link))
        fields: Fields = dict(parse_qsl(parts.query))
        user = parts.netloc.rpartition("@")[0]
        host, port = parts.hostname or "", parts.port or 0
        return Said(PROTOCOLS[scheme], user, host, port, _network(fields.get("type")), fields)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _network(said: object) -> str:
    return "tcp" if said == "raw" else str(said or "")


def _holder(protocol: str, user: str) -> str:
    """Return who a link is for, in whatever form it says so."""
    text = unquote(user)
    if protocol != "shadowsocks" or ":" in text:
        return text
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return text


def _tells_of(said: Said, client: Client) -> bool:
    """Tell whether what would be everybody's has something of the client's own in it."""
    left_out = LEFT_OUT_OF_VMESS if said.protocol == "vmess" else LEFT_OUT
    shown = [said.host, *(str(value) for name, value in said.fields.items() if name not in left_out)]
    own = [str(client.get(name) or "") for name in OWN]
    return any(len(each) >= TELLING_LENGTH and each in text for each in own for text in shown)


def _way(said: Said, inbound: Inbound, inbounds: Sequence[Inbound]) -> Way:
    proxies = [each for each in proxies_of(inbound) if said.is_to(each) and each.get("port") == said.port]
    reality = _reality_behind(said, inbound, inbounds)
    return Way(
        host=said.host,
        port=said.port,
        name=name_of(inbound, proxies[0] if proxies else {}),
        fields=_in_vmess(said, inbound) if said.protocol == "vmess" else _fields(said, inbound, reality),
        seed=spider_seed(reality or inbound),
        is_fixed=any(said.is_to(each) for one in inbounds for each in proxies_of(one)),
    )


def _fields(said: Said, inbound: Inbound, reality: Inbound | None) -> Fields:
    """Return what the link says, and of what it leaves out what its inbound has: older panels say less."""
    shown = {name: value for name, value in said.fields.items() if value and name not in LEFT_OUT}
    if "plugin" in shown:  # it stands for the transport
        return shown
    fields = fields_of(inbound, shown.get("security", "none"))
    if reality:
        fields |= reality_of(reality)
        shown |= _drawn(shown, reality)
    fields |= shown | {"type": inbound.network}
    if fields["security"] == "reality":
        fields["spx"] = f"/{SPIDER}"
    elif said.protocol == "shadowsocks" and fields["security"] == "none":
        fields["security"] = ""
    return {name: value for name, value in fields.items() if value}


def _in_vmess(said: Said, inbound: Inbound) -> Fields:
    shown = {n: v for n, v in said.fields.items() if v not in ("", None) and n not in LEFT_OUT_OF_VMESS}
    if "mode" in shown:  # XHTTP's, which apps look for in another place
        shown["type"] = shown["mode"]
    return fields_of(inbound, str(shown.get("tls", "none"))) | shown


def _drawn(shown: Fields, reality: Inbound) -> Fields:
    """Return the first of what the panel drew from by lot; what was not drawn from there stays."""
    own, first = reality.stream["realitySettings"], reality_of(reality)
    lots = {"sni": own.get("serverNames"), "sid": own.get("shortIds")}
    return {name: first[name] for name, lot in lots.items() if shown.get(name, "") in ["", *_listed(lot)]}


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        value = value.split(",")
    return [str(each).strip() for each in value] if isinstance(value, list) else []


def _reality_behind(said: Said, inbound: Inbound, inbounds: Iterable[Inbound]) -> Inbound | None:
    """Return whose REALITY a link shows: the inbound's own, or that of one in front of it."""
    own = [each for each in (inbound, *inbounds) if each.security == "reality"]
    same = [each for each in own if reality_of(each)["pbk"] == said.fields.get("pbk")]
    at_port = [each for each in same if each.port == said.port or each.id == inbound.id]
    return next(iter(at_port or same), None)
