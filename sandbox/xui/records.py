"""Clients as records (from 3.1.0 on): one identity, copied into the settings of its inbounds."""

from __future__ import annotations

import asyncio
import base64
import copy
import re
import secrets
import uuid
from collections import defaultdict
from typing import Any

from sandbox.xui.errors import Failure, Missing
from sandbox.xui.panel import NUMBERS, TEXTS, XuiPanel
from sandbox.xui.state import Client, Inbound, Record, Row, XuiState

UNFIT = re.compile(r"[/\\\s\x00-\x1f\x7f]")
KEYS = ("id", "password", "auth")
# What a copy in an inbound has of its own.
OF_COPIES = ("created_at", "updated_at", "method")
EMPTY: Client = {**dict.fromkeys(TEXTS, ""), **dict.fromkeys(NUMBERS, 0), "enable": False}


class Records:
    """Verbs on records. One lock per inbound, as in the panel's process."""

    def __init__(self, panel: XuiPanel) -> None:
        self.panel = panel
        self.takes_time = True
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def in_bulk(self) -> Records:
        """Give the same verbs for a call that writes each inbound once, and so thinks once for all."""
        bulk = copy.copy(self)
        bulk.takes_time = False
        return bulk

    @property
    def state(self) -> XuiState:
        return self.panel.state

    def forget(self) -> None:
        self._locks.clear()

    async def think(self) -> None:
        if self.takes_time:
            await self.panel.compute()

    def record(self, email: str, title: str | None = None) -> Record:
        """Raises Missing."""
        record = self.state.records.get(email)
        if record is None:
            raise Missing(title) if title else Missing()
        return record

    async def add(self, wished: Client, inbound_ids: list[int]) -> None:
        """Make a client on inbounds, one after another; one known under the same subId is attached."""
        if not inbound_ids:
            raise Failure("at least one inbound is required")
        self.require_fit(wished)
        email = wished["email"]
        record = self.state.records.get(email)
        if record is not None and record.fields["subId"] != wished.get("subId"):
            raise Failure(f"email already in use: {email}")
        if record is None and self.has(email):
            raise Failure(f"email already in use: {email}")
        self.require_own_sub_id(email, str(wished.get("subId") or ""))
        if record is None:
            record = self.begin(wished)
        elif not self.panel.since(3, 5, 0):
            record.fields = record.fields | {name: fresh_key(name) for name in KEYS if not wished.get(name)}
        # Each inbound is done by itself: one that is missing leaves those before it done.
        for number in inbound_ids:
            await self.put_into(record, number, repeats=not self.panel.since(3, 5, 0))

    def has(self, email: str) -> bool:
        """Whether there is a client of this name, in whatever case."""
        wanted = email.lower()
        return any(name.lower() == wanted for name in self.state.records)

    def begin(self, wished: Client) -> Record:
        """Store a new record: on, whatever was asked, with keys of the panel's own where none came."""
        fields = {**EMPTY, **wished, "enable": True}
        fields["subId"] = fields["subId"] or secrets.token_hex(8)
        for name in KEYS:
            fields[name] = fields[name] or fresh_key(name)
        now = self.panel.now_ms
        record = Record(self.state.next_id(), fields, [], now, now)
        self.state.records[fields["email"]] = record
        return record

    async def put_into(self, record: Record, number: int, *, repeats: bool = False) -> None:
        """Copy the record into an inbound. Old versions, told twice, store it twice (`repeats`)."""
        async with self._locks[number]:
            inbound = self.panel.inbound(number)
            stored = inbound.clients
            await self.think()
            email = record.fields["email"]
            made = self.copy_for(inbound, record)
            others = stored if repeats else [client for client in stored if client["email"] != email]
            inbound.clients = [*others, made]
            if number not in record.inbound_ids:
                record.inbound_ids = [*record.inbound_ids, number]
            self.apply(inbound, made)

    def copy_for(self, inbound: Inbound, record: Record) -> Client:
        fields = record.fields
        plain = ("email", "limitIp", "totalGB", "expiryTime", "enable", "tgId", "subId", "comment", "reset")
        kept = {name: fields[name] for name in plain}
        made = {inbound.secret_field: fields[inbound.secret_field]} | kept
        if inbound.protocol == "vless":
            drops = self.panel.since(3, 2, 8) and not inbound.takes_flow
            made["flow"] = "" if drops else fields["flow"]
        if inbound.client_cipher:
            made["method"] = inbound.client_cipher
        unknown = {name: value for name, value in fields.items() if name not in EMPTY}
        return unknown | made | {"created_at": record.created, "updated_at": record.updated}

    def apply(self, inbound: Inbound, made: Client) -> None:
        self.panel.count(inbound, made)
        self.panel.let_in(inbound, made)
        self.panel.changed(made["email"])

    async def update(self, email: str, wished: Client) -> None:
        """Replace a record by what is sent: no `enable` is off, no limit is none.

        Without keys they stay from 3.3.1 on, and are made anew before.
        """
        record = self.record(email)
        self.require_fit(wished)
        new = wished["email"]
        if new.lower() != email.lower() and self.has(new):
            raise Failure(f"email already in use: {new}")
        self.require_own_sub_id(email, str(wished.get("subId") or ""))
        before, fields = record.fields, {**EMPTY, **wished}
        fields["subId"] = fields["subId"] or before["subId"]
        for name in KEYS:
            kept = before[name] if self.panel.since(3, 3, 1) else fresh_key(name)
            fields[name] = fields[name] or kept
        if new != email:
            self.rename(record, email, new)
        record.fields, record.updated = fields, self.panel.now_ms
        await self.copy_out(record, was=email)

    async def copy_out(self, record: Record, *, was: str = "") -> None:
        """Bring the copies in all inbounds up to date with the record."""
        was = was or record.fields["email"]
        for number in record.inbound_ids:
            async with self._locks[number]:
                inbound = self.panel.inbound(number)
                stored = inbound.clients
                await self.think()
                made = self.copy_for(inbound, record)
                inbound.clients = [made if client["email"] == was else client for client in stored]
                if was != made["email"]:
                    self.panel.shut_out(number, was)
                self.apply(inbound, made)
        if not record.inbound_ids:
            self.panel.changed(record.fields["email"])

    def rename(self, record: Record, old: str, new: str) -> None:
        self.state.records.pop(old)
        self.state.records[new] = record
        row = self.state.rows.pop(old, None)
        if row is not None:
            row.email = new
            self.state.rows[new] = row

    async def change(self, record: Record, **fields: Any) -> None:
        """Change named fields of a record and its copies."""
        record.fields = record.fields | fields
        record.updated = self.panel.now_ms
        await self.copy_out(record)

    async def take_out_of(self, record: Record, number: int) -> None:
        email = record.fields["email"]
        async with self._locks[number]:
            inbound = self.panel.inbound(number)
            stored = inbound.clients
            await self.think()
            inbound.clients = [client for client in stored if client["email"] != email]
            record.inbound_ids = [each for each in record.inbound_ids if each != number]
            self.panel.shut_out(number, email)
        self.panel.changed(email)

    async def delete(self, email: str, *, keeps_traffic: bool = False) -> None:
        """Remove a client everywhere; the last one of an inbound too."""
        record = self.record(email)
        for number in record.inbound_ids:
            await self.take_out_of(record, number)
        self.state.records.pop(email, None)
        if not keeps_traffic:
            self.state.rows.pop(email, None)
        self.panel.changed(email)

    async def reset(self, email: str) -> None:
        """Set the counters to zero; from 3.3.1 on the client is on again too."""
        record = self.record(email)
        row = self.row(email)
        row.up = row.down = 0
        row.enable = True
        if self.panel.since(3, 3, 1):
            await self.change(record, enable=True)
        else:
            for inbound, client in self.state.places_of(email):
                self.panel.let_in(inbound, client)
            self.panel.changed(email)

    def row(self, email: str) -> Row:
        """Raises Missing."""
        row = self.state.rows.get(email)
        if row is None:
            raise Missing
        return row

    def require_fit(self, wished: Client) -> None:
        if not wished.get("email"):
            raise Failure("client email is required")
        for name in ("email", "subId"):
            if self.panel.since(3, 2, 5) and UNFIT.search(str(wished.get(name) or "")):
                raise Failure(f"{name} contains an invalid character")

    def require_own_sub_id(self, email: str, sub_id: str) -> None:
        if not sub_id or not self.panel.since(3, 2, 5):
            return
        holders = (name for name, record in self.state.records.items() if record.fields["subId"] == sub_id)
        if any(name != email for name in holders):
            raise Failure(f"subId already in use: {sub_id}")


def fresh_key(name: str) -> str:
    if name == "id":
        return str(uuid.uuid4())
    return base64.b64encode(secrets.token_bytes(32)).decode() if name == "password" else secrets.token_hex(8)


def records_from_settings(panel: XuiPanel) -> None:
    """Make records of the clients in the inbounds, as the upgrade to the clients dialect does."""
    now = panel.now_ms
    for inbound, client in panel.state.placed():
        email = str(client.get("email", ""))
        record = panel.state.records.get(email)
        if record is None:
            created = int(client.get("created_at") or now)
            fields = {name: value for name, value in client.items() if name not in OF_COPIES}
            record = Record(panel.state.next_id(), EMPTY | fields, [], created, now)
            panel.state.records[email] = record
        if inbound.id not in record.inbound_ids:
            record.inbound_ids.append(inbound.id)
            key = inbound.secret_field
            record.fields[key] = record.fields[key] or client.get(key) or ""
    for record in panel.state.records.values():
        for name in KEYS:
            record.fields[name] = record.fields[name] or fresh_key(name)
