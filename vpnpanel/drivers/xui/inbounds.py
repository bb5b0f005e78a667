"""A panel's inbounds: which are sold, who stands on them, and what of it is text or object by version."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.said import said
from vpnpanel.errors import PanelDown, PanelRefused

log = logging.getLogger(__name__)

# Protocols that have clients, and the field that is a client's key in a legacy panel's addresses.
KEY_FIELDS = {"vless": "id", "vmess": "id", "trojan": "password", "shadowsocks": "email"}

Client = dict[str, Any]


@dataclass(frozen=True)
class Inbound:
    """One entrance. `settings` and `stream` are parsed; `stats` are the traffic rows that came with it."""

    id: int
    tag: str
    protocol: str
    port: int
    listen: str
    remark: str
    is_enabled: bool
    settings: dict[str, Any] = field(repr=False)
    stream: dict[str, Any] = field(repr=False)
    stats: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    share_host: str = ""
    is_without_flow: bool = False

    @property
    def clients(self) -> list[Client]:
        """Those that can be read; null and an empty list mean the same."""
        clients = self.settings.get("clients")
        return [each for each in clients if isinstance(each, dict)] if isinstance(clients, list) else []

    @property
    def network(self) -> str:
        """The transport's name; `raw` is tcp by its newer name."""
        network = str(self.stream.get("network") or "tcp")
        return "tcp" if network == "raw" else network

    @property
    def security(self) -> str:
        return str(self.stream.get("security") or "none")

    @property
    def carries_flow(self) -> bool:
        is_encrypted = str(self.settings.get("encryption") or "none") != "none"
        can = self.network == "tcp" and self.security in ("tls", "reality")
        return (
            self.protocol == "vless"
            and not self.is_without_flow
            and (can or (self.network == "xhttp" and is_encrypted))
        )

    @property
    def cipher(self) -> str:
        """The cipher of Shadowsocks; empty for all others."""
        return str(self.settings.get("method") or "") if self.protocol == "shadowsocks" else ""

    @property
    def key_bytes(self) -> int:
        """How long a client's key must be where the cipher asks for that; 0 where any text will do."""
        if not self.cipher.startswith("2022-"):
            return 0
        return 16 if "aes-128" in self.cipher else 32

    @property
    def is_for_many(self) -> bool:
        """Whether it can have clients: with one of the ciphers of 2022 Xray takes a single user alone."""
        return self.protocol in KEY_FIELDS and not (self.key_bytes and "aes" not in self.cipher)

    def key_of(self, client: Mapping[str, Any]) -> str:
        """Return what names the client in a legacy panel's addresses."""
        return str(client.get(KEY_FIELDS.get(self.protocol, "id")) or "")


def read_inbounds(answer: Any) -> list[Inbound]:
    """Return the inbounds of a list's answer. Raises PanelDown if it is not one."""
    if answer is None:
        return []
    if not isinstance(answer, list):
        raise PanelDown(said("the panel's list of inbounds cannot be read"))
    return [read_inbound(each) for each in answer]


def read_inbound(row: Any) -> Inbound:
    """Return one inbound. Raises PanelDown if the row lacks what makes it one."""
    try:
        stats = row.get("clientStats") or ()
        is_custom = str(row.get("shareAddrStrategy") or "") == "custom"
        return Inbound(
            id=int(row["id"]),
            tag=str(row.get("tag") or f"inbound-{row['port']}"),
            protocol=str(row["protocol"]),
            port=int(row["port"]),
            listen=str(row.get("listen") or ""),
            remark=str(row.get("remark") or ""),
            is_enabled=bool(row.get("enable", True)),
            settings=_object(row, "settings"),
            stream=_object(row, "streamSettings"),
            stats=tuple(stat for stat in stats if isinstance(stat, dict)),
            share_host=str(row.get("shareAddr") or "") if is_custom else "",
            is_without_flow=bool(row.get("disableFlow")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise PanelDown(said("an inbound of the panel cannot be read")) from wrong


def to_sell(inbounds: Iterable[Inbound], chosen: Mapping[str, list[str]]) -> list[Inbound]:
    """Return the inbounds to have accounts on: those chosen by tag, else all that are switched on.

    Raises PanelRefused if there is none, or if one that was chosen is not there.
    """
    fit = [each for each in inbounds if each.is_for_many]
    named = {(protocol, tag) for protocol, tags in chosen.items() for tag in tags}
    if not named:
        sold = [each for each in fit if each.is_enabled]
    else:
        sold = [each for each in fit if (each.protocol, each.tag) in named]
        if missing := sorted(named - {(each.protocol, each.tag) for each in sold}):
            protocol, tag = missing[0]
            raise PanelRefused(
                said(
                    "the panel has no %(protocol)s inbound '%(tag)s', or none that many can use",
                    protocol=protocol,
                    tag=tag,
                )
            )
    if not sold:
        raise PanelRefused(said("the panel has no inbound to sell"))
    return sold


def _object(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a column as an object: legacy panels send its text, newer ones the object itself."""
    value = row.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            log.warning("inbound %s: its %s is not JSON", row.get("id"), name)
    return value if isinstance(value, dict) else {}
