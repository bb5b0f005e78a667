"""What a panel knows: its rows, and the keys its core lets in. No HTTP, no rules."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# Later moments do not fit a date-time of the panel's language, and the row cannot be shown (trap 3).
LAST_SHOWABLE_SECOND = 253_402_300_799


@dataclass(slots=True)
class User:
    """One row. Times are Unix seconds; `excluded` keeps the choice of inbounds the way the panel does."""

    id: int
    username: str
    created_at: float
    proxies: dict[str, dict[str, str]]
    excluded: dict[str, list[str]]
    owner: str | None
    status: str = "active"
    expire: int | None = None
    data_limit: int | None = None
    data_limit_reset_strategy: str = "no_reset"
    used_traffic: int = 0
    earlier_traffic: int = 0
    note: str | None = None
    edited_at: float | None = None
    reset_at: float | None = None
    online_at: float | None = None
    sub_updated_at: float | None = None
    sub_last_user_agent: str | None = None
    sub_revoked_at: float | None = None
    on_hold_expire_duration: int | None = None
    on_hold_timeout: float | None = None
    auto_delete_in_days: int | None = None
    status_changed_at: float | None = None
    next_plan: dict[str, Any] | None = None
    hourly: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name under which the core knows this user."""
        return f"{self.id}.{self.username}"

    @property
    def is_poisoned(self) -> bool:
        """Whether the panel fails on every answer that would show this row (traps 2 and 3)."""
        return not self.proxies or (self.expire is not None and self.expire > LAST_SHOWABLE_SECOND)

    @property
    def belongs_in_core(self) -> bool:
        return self.status in ("active", "on_hold")


@dataclass(slots=True)
class Admin:
    username: str
    password: str
    is_sudo: bool
    users_usage: int | None = 0
    telegram_id: int | None = None
    discord_webhook: str | None = None
    password_reset_at: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "username": self.username,
            "is_sudo": self.is_sudo,
            "telegram_id": self.telegram_id,
            "discord_webhook": self.discord_webhook,
            "users_usage": self.users_usage,
        }


@dataclass(slots=True)
class Inbound:
    """One entrance of the core; what a link to it carries."""

    tag: str
    protocol: str
    network: str
    tls: str
    port: int
    path: str = ""
    host: str = ""
    snis: list[str] = field(default_factory=list)
    short_ids: list[str] = field(default_factory=list)
    public_key: str = ""
    alpn: str = ""
    fingerprint: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("tag", "protocol", "network", "tls", "port")}


@dataclass(slots=True)
class CoreKey:
    """What the core lets in under one name, and where."""

    username: str
    tags: list[str]
    proxies: dict[str, dict[str, str]]


class PanelState:
    """The panel's database and the memory of its core. Lookups by name and new ids are O(1)."""

    def __init__(self) -> None:
        self.sudo = Admin("root", "root", is_sudo=True, users_usage=None)
        self.admins: dict[str, Admin] = {}
        self.inbounds: dict[str, Inbound] = {}
        self.hosts: dict[str, list[dict[str, Any]]] = {}
        self.nodes: list[dict[str, Any]] = []
        self.users: dict[str, User] = {}
        self.core: dict[str, CoreKey] = {}
        self.core_started = True
        self.secret = secrets.token_hex(32)
        self.token_minutes = 1440
        self.utc_offset_seconds = 0
        self.reviewed_at = 0.0
        self.traffic = 0

    def next_user_id(self) -> int:
        """Give the id after the newest row's: SQLite hands out a deleted newest id again (trap 5)."""
        newest = next(reversed(self.users.values()), None)
        return newest.id + 1 if newest is not None else 1

    def user_by_id(self, number: int) -> User | None:
        return next((user for user in self.users.values() if user.id == number), None)

    def users_of(self, owner: str | None) -> Iterable[User]:
        """The rows an admin may see; None means all of them."""
        if owner is None:
            return self.users.values()
        return (user for user in self.users.values() if user.owner == owner)

    def find_admin(self, username: str) -> Admin | None:
        if username == self.sudo.username:
            return self.sudo
        return self.admins.get(username)

    def tags_of(self, protocol: str) -> list[str]:
        return [inbound.tag for inbound in self.inbounds.values() if inbound.protocol == protocol]

    def protocols(self) -> list[str]:
        return list(dict.fromkeys(inbound.protocol for inbound in self.inbounds.values()))

    def chosen_tags(self, user: User) -> dict[str, list[str]]:
        """The inbounds of a user: all of the protocol but the excluded ones, later added ones included."""
        return {
            protocol: [tag for tag in self.tags_of(protocol) if tag not in user.excluded.get(protocol, [])]
            for protocol in user.proxies
        }

    def zombies(self) -> dict[str, CoreKey]:
        """Keys the core still lets in though their row is gone."""
        rows = {user.key for user in self.users.values()}
        return {name: key for name, key in self.core.items() if name not in rows}

    def dump(self) -> dict[str, Any]:
        """Give plain values that share the state's lists: turn them into text before anything changes."""
        plain = {name: value for name, value in vars(self).items() if name not in ROWS}
        return plain | {
            "sudo": values(self.sudo),
            **{name: {key: values(row) for key, row in getattr(self, name).items()} for name in ROWS[1:]},
        }

    def load(self, saved: dict[str, Any]) -> None:
        for name, value in saved.items():
            if name not in ROWS:
                setattr(self, name, value)
        self.sudo = Admin(**saved["sudo"])
        self.admins = {name: Admin(**row) for name, row in saved["admins"].items()}
        self.inbounds = {name: Inbound(**row) for name, row in saved["inbounds"].items()}
        self.users = {name: User(**row) for name, row in saved["users"].items()}
        self.core = {name: CoreKey(**row) for name, row in saved["core"].items()}


ROWS = ("sudo", "admins", "inbounds", "users", "core")


def values(row: Admin | Inbound | User | CoreKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def like(wanted: str) -> re.Pattern[str]:
    """Give the pattern of SQL's LIKE '%wanted%': any case, with % and _ as wildcards."""
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(char, re.escape(char)) for char in wanted), re.IGNORECASE | re.DOTALL)
