"""What a panel knows: inbounds with their clients, records, counters, and the keys its core lets in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

Client = dict[str, Any]

KEY_FIELDS = {"trojan": "password", "shadowsocks": "email", "hysteria": "auth"}


@dataclass(slots=True)
class Inbound:
    """One entrance. `clients` is the list in its settings, replaced whole with every change.

    `hosts` are the places its links lead to instead, and `master` the inbound it falls back from: neither is
    shown with the inbounds.
    """

    id: int
    remark: str
    port: int
    protocol: str
    settings: dict[str, Any]
    stream: dict[str, Any]
    tag: str = ""
    listen: str = ""
    enable: bool = True
    clients: list[Client] = field(default_factory=list)
    hosts: list[dict[str, Any]] = field(default_factory=list)
    master: int = 0

    @property
    def key_field(self) -> str:
        """The field by which the routes of the legacy dialect name a client."""
        return KEY_FIELDS.get(self.protocol, "id")

    @property
    def secret_field(self) -> str:
        """The field by which the core knows who comes."""
        return {"trojan": "password", "shadowsocks": "password", "hysteria": "auth"}.get(self.protocol, "id")

    @property
    def client_cipher(self) -> str:
        """What the core wants each client to name: the older ciphers of Shadowsocks, of others nothing."""
        cipher = str(self.settings.get("method", "")) if self.protocol == "shadowsocks" else ""
        return "" if cipher.startswith("2022-") else cipher

    @property
    def network(self) -> str:
        return str(self.stream.get("network", "tcp"))

    @property
    def security(self) -> str:
        return str(self.stream.get("security", "none"))

    @property
    def takes_flow(self) -> bool:
        return self.protocol == "vless" and self.network == "tcp" and self.security in ("tls", "reality")

    def find(self, email: str) -> Client | None:
        return next((client for client in self.clients if client.get("email") == email), None)


@dataclass(slots=True)
class Row:
    """The counters of one email. Times in milliseconds; `enable` says that the poll has not cut it off."""

    id: int
    inbound_id: int
    email: str
    enable: bool = True
    up: int = 0
    down: int = 0
    all_time: int = 0
    total: int = 0
    expiry: int = 0
    reset: int = 0
    last_online: int = 0

    @property
    def used(self) -> int:
        return self.up + self.down

    @property
    def is_used_up(self) -> bool:
        return 0 < self.total <= self.used

    def is_over(self, now_ms: int) -> bool:
        return 0 < self.expiry <= now_ms


@dataclass(slots=True)
class Record:
    """A client of the clients dialect: one identity on many inbounds. `fields` are named as written."""

    id: int
    fields: Client
    inbound_ids: list[int]
    created: int
    updated: int


class XuiState:
    """The panel's database, the memory of its core, and what its owner has set."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.base_path = "/"
        self.web_domain = ""
        self.public_host = ""
        self.username = "admin"
        self.password = "admin"
        self.totp_secret = ""
        self.session_minutes: float | None = None
        self.write_ms = 5.0
        self.poll_seconds: float | None = None
        self.core_started = True
        self.node_offline = False
        self.restarts = 0
        self.overwritten = 0
        self.polled_at = 0.0
        self.last_id = 0
        self.tokens: list[dict[str, Any]] = []
        self.waiting: dict[str, int] = {}
        self.inbounds: dict[int, Inbound] = {}
        self.rows: dict[str, Row] = {}
        self.records: dict[str, Record] = {}
        self.core: dict[int, dict[str, str]] = {}

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def placed(self) -> Iterator[tuple[Inbound, Client]]:
        """Every client of every inbound."""
        for inbound in self.inbounds.values():
            for client in inbound.clients:
                yield inbound, client

    def places_of(self, email: str) -> list[tuple[Inbound, Client]]:
        return [(inbound, client) for inbound, client in self.placed() if client.get("email") == email]

    def email_is_taken(self, email: str, *, but: str = "") -> bool:
        """Whether any inbound has a client of this name, in whatever case; `but` is not looked at."""
        wanted, own = email.lower(), but.lower()
        if not wanted or wanted == own:
            return False
        return any(str(client.get("email", "")).lower() == wanted for _, client in self.placed())

    def dump(self) -> dict[str, Any]:
        """Give plain values that share the state's lists: turn them into text before anything changes."""
        plain = {name: value for name, value in vars(self).items() if name not in ("core", *TABLES)}
        core = {str(inbound_id): keys for inbound_id, keys in self.core.items()}
        tables = {name: [asdict(row) for row in getattr(self, name).values()] for name in TABLES}
        return plain | {"core": core} | tables

    def load(self, saved: dict[str, Any]) -> None:
        for name, value in saved.items():
            if name not in ("core", *TABLES):
                setattr(self, name, value)
        self.inbounds = {row["id"]: Inbound(**row) for row in saved["inbounds"]}
        self.rows = {row["email"]: Row(**row) for row in saved["rows"]}
        self.records = {row["fields"]["email"]: Record(**row) for row in saved["records"]}
        self.core = {int(inbound_id): dict(keys) for inbound_id, keys in saved["core"].items()}


TABLES = ("inbounds", "rows", "records")


def new_token(
    name: str, value: str = "", *, number: int = 1, now: float = 0, scope: str = "admin"
) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "token": value or secrets.token_urlsafe(36),
        "enabled": True,
        "createdAt": int(now),
        "scope": scope,
        "expiresAt": 0,
    }
