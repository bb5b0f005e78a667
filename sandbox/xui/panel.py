"""The panel's own rules: who is let in, what a row counts, how clients are stored in an inbound."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from sandbox.clock import Clock
from sandbox.events import EventHub
from sandbox.xui.errors import Failure, Missing
from sandbox.xui.state import Client, Inbound, Row, XuiState
from sandbox.xui.versions import DEVELOPMENT, Version, read_version

NUMBERS = ("limitIp", "totalGB", "expiryTime", "tgId", "reset")
TEXTS = ("id", "password", "auth", "flow", "email", "subId", "comment", "group")
VISION = "xtls-rprx-vision"


class XuiPanel:
    """One panel at one version. `clock` is the panel's own."""

    def __init__(self, name: str, state: XuiState, clock: Clock, hub: EventHub) -> None:
        self.name = name
        self.state = state
        self.clock = clock
        self.hub = hub
        self._version = (state.version, read_version(state.version))

    @property
    def version(self) -> Version:
        if self._version[0] != self.state.version:
            self._version = (self.state.version, read_version(self.state.version))
        return self._version[1]

    def since(self, *version: int) -> bool:
        return self.version >= version

    @property
    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    def inbound(self, number: int) -> Inbound:
        """Raises Missing."""
        inbound = self.state.inbounds.get(number)
        if inbound is None:
            raise Missing
        return inbound

    async def compute(self) -> None:
        """Take the time a panel takes between reading an inbound's clients and writing them back."""
        await asyncio.sleep(self.state.write_ms / 1000)

    def let_in(self, inbound: Inbound, client: Client) -> None:
        """Tell the core of the client, or that it is to be refused, as the stored flags say.

        A node that is off line learns nothing for now.
        """
        email = str(client.get("email", ""))
        row = self.state.rows.get(email)
        wanted = inbound.enable and bool(client.get("enable")) and (row is None or row.enable)
        if not wanted:
            self.shut_out(inbound.id, email)
        elif not self.state.node_offline:
            secret = str(client.get(inbound.secret_field) or "")
            self.state.core.setdefault(inbound.id, {})[email] = secret

    def shut_out(self, inbound_id: int, email: str) -> None:
        if not self.state.node_offline:
            self.state.core.get(inbound_id, {}).pop(email, None)

    def restart_core(self) -> None:
        """Build the core's keys from what is stored: nobody else is let in from now on.

        A client of Shadowsocks that names the wrong cipher keeps the whole core from starting.
        """
        self.state.core = {}
        self.state.restarts += 1
        if any(client.get("method", "") != inbound.client_cipher for inbound, client in self.state.placed()):
            self.state.core_started = False
        for inbound, client in self.state.placed():
            self.let_in(inbound, client)

    def lets_in(self, email: str) -> list[int]:
        """Give the inbounds that let this name in."""
        if not self.state.core_started:
            return []
        return [number for number, keys in self.state.core.items() if email in keys]

    def count(self, inbound: Inbound, client: Client) -> Row | None:
        """Make the row of counters agree with the client, beginning one for a new name."""
        email = str(client.get("email", ""))
        if not email:
            return None
        row = self.state.rows.get(email)
        if row is None:
            row = self.state.rows[email] = Row(self.state.next_id(), inbound.id, email)
        row.total, row.expiry = int(client.get("totalGB") or 0), int(client.get("expiryTime") or 0)
        row.reset = int(client.get("reset") or 0)
        # Until 2.9.4 the row says only "not cut off": every change takes the cut back until the next poll.
        row.enable = bool(client.get("enable")) if self.since(2, 9, 4) else True
        return row

    def stamped(self, client: Client, before: Client | None = None) -> Client:
        """Give the client with the dates the panel keeps, those of `before` where it replaces one."""
        if not self.since(2, 6, 7):
            return client
        now = self.now_ms
        created = (before or {}).get("created_at") or client.get("created_at") or now
        return client | {"created_at": created, "updated_at": now}

    def changed(self, email: str) -> None:
        self.hub.publish("xui.client", panel=self.name, username=email)

    def show_row(self, row: Row, client: Client | None) -> dict[str, Any]:
        """Give a row of counters with the fields this version has."""
        shown = {
            "id": row.id,
            "inboundId": row.inbound_id,
            "enable": row.enable,
            "email": row.email,
            "up": row.up,
            "down": row.down,
            "expiryTime": row.expiry,
            "total": row.total,
            "reset": row.reset,
        }
        if self.since(2, 8, 3):
            client = client or {}
            shown |= {"uuid": client.get("id", ""), "subId": client.get("subId", "")}
        if self.since(2, 6, 7) and not self.since(3, 1, 0):
            shown["allTime"] = row.all_time
        if self.since(2, 6, 8):
            shown["lastOnline"] = row.last_online
        if self.version >= DEVELOPMENT:
            shown |= {"resetDay": 0, "resetMax": 0, "resetCount": 0, "lastSubFetch": 0}
        return shown

    def online(self) -> list[str]:
        """Give the names that moved bytes lately."""
        since = self.now_ms - (20_000 if self.since(3, 1, 0) else 10_000)
        return [row.email for row in self.state.rows.values() if row.last_online >= since]


class Door:
    """What every group of handlers needs."""

    def __init__(self, panel: XuiPanel) -> None:
        self.panel = panel
        self.state = panel.state
        self.forget()

    def forget(self) -> None:
        """Start over with what is not part of the saved state."""


def read_client(raw: Any) -> Client:
    """Check a client's fields as a strictly typed panel binds them. Raises Failure; unknown fields stay."""
    if not isinstance(raw, dict):
        raise Failure("json: cannot unmarshal value into Go value of type model.Client")
    for name, value in raw.items():
        known = (name in NUMBERS and type(value) is int) or (name in TEXTS and isinstance(value, str))
        if name == "enable":
            known = isinstance(value, bool)
        elif name == "allowedIPs":
            known = isinstance(value, list) and all(isinstance(each, str) for each in value)
        elif name not in NUMBERS and name not in TEXTS:
            known = True
        if not known and value is not None:
            raise Failure(f"json: cannot unmarshal {kind(value)} into Go struct field Client.{name}")
    return dict(raw)


def kind(value: Any) -> str:
    names = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "value")


def settings_text(inbound: Inbound) -> str:
    return json.dumps({"clients": inbound.clients, **inbound.settings}, ensure_ascii=False)
