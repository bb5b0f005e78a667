"""Clients in the legacy dialect: parts of an inbound's settings, read and written back without a lock."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.xui.answers import fields_of, parsed, whole_number
from sandbox.xui.errors import Crash, Failure
from sandbox.xui.panel import Door, read_client
from sandbox.xui.routes import Reply, Route
from sandbox.xui.state import Client, Inbound
from sandbox.xui.versions import CLIENTS

ROOT = "panel/api/inbounds"
ADDED = "Inbound client(s) have been added."
UPDATED = "Inbound client has been updated."
DELETED = "Inbound client has been deleted."
NO_KEY = "empty client ID"


class LegacyDoor(Door):
    def routes(self) -> list[Route]:
        return [
            Route("POST", f"{ROOT}/addClient", self.add, until=CLIENTS),
            Route("POST", f"{ROOT}/updateClient/{{key}}", self.update, until=CLIENTS),
            Route("POST", f"{ROOT}/{{number}}/delClient/{{key}}", self.delete, until=CLIENTS),
            Route(
                "POST",
                f"{ROOT}/{{number}}/delClientByEmail/{{email}}",
                self.delete_by_email,
                since=(2, 8, 0),
                until=CLIENTS,
            ),
            Route("POST", f"{ROOT}/delDepletedClients/{{number}}", self.delete_depleted, until=CLIENTS),
        ]

    async def add(self, request: web.Request) -> Reply:
        """Append clients to an inbound, all of them or none."""
        number, clients = await self.wanted(request)
        inbound = self.panel.inbound(number)
        self.require_keys(inbound, clients)
        seen: set[str] = set()
        for client in clients:
            email = str(client.get("email", ""))
            if email and (email.lower() in seen or self.state.email_is_taken(email)):
                raise Failure(f"Duplicate email: {email}")
            seen.add(email.lower())
        stored = inbound.clients
        await self.panel.compute()
        made = [self.panel.stamped(client) for client in clients]
        self.write_back(inbound, stored, [*stored, *made])
        for client in made:
            self.apply(inbound, client)
        return Reply(ADDED)

    async def update(self, request: web.Request, key: str) -> Reply:
        """Replace one client by what is sent: a field left out is gone."""
        number, clients = await self.wanted(request)
        inbound, wanted = self.panel.inbound(number), clients[0]
        self.require_keys(inbound, [wanted])
        stored = inbound.clients
        before = next((client for client in stored if client.get(inbound.key_field) == key), None)
        if before is None:
            raise Failure(NO_KEY)
        email, old = str(wanted.get("email", "")), str(before.get("email", ""))
        if self.state.email_is_taken(email, but=old):
            raise Failure(f"Duplicate email: {email}")
        await self.panel.compute()
        made = self.panel.stamped(wanted, before)
        self.write_back(inbound, stored, [made if client is before else client for client in stored])
        if email != old:
            self.rename_row(old, email)
            self.panel.shut_out(inbound.id, old)
        self.apply(inbound, made)
        return Reply(UPDATED)

    async def delete(self, request: web.Request, number: str, key: str) -> Reply:
        inbound = self.panel.inbound(whole_number(number))
        await self.remove(inbound, inbound.key_field, key, named="ID")
        return Reply(DELETED)

    async def delete_by_email(self, request: web.Request, number: str, email: str) -> Reply:
        await self.remove(self.panel.inbound(whole_number(number)), "email", email, named="Email")
        return Reply("Client deleted successfully")

    async def remove(self, inbound: Inbound, field: str, value: str, *, named: str) -> None:
        """Take a client out of an inbound that keeps at least one other."""
        stored = inbound.clients
        gone = [client for client in stored if client.get(field) == value]
        if not gone:
            raise Failure(f"Client Not Found In Inbound For {named}: {value}")
        if len(gone) == len(stored):
            raise Failure("no client remained in Inbound")
        await self.panel.compute()
        self.write_back(inbound, stored, [client for client in stored if client not in gone])
        for client in gone:
            self.forget_client(inbound, str(client.get("email", "")))

    async def delete_depleted(self, request: web.Request, number: str) -> Reply:
        """Delete whoever was cut off, and with the last client the inbound itself."""
        wanted = whole_number(number)
        inbounds = [*self.state.inbounds.values()] if wanted < 0 else [self.panel.inbound(wanted)]
        cut = {row.email for row in self.state.rows.values() if not row.enable}
        for inbound in inbounds:
            gone = [client for client in inbound.clients if client.get("email") in cut]
            inbound.clients = [client for client in inbound.clients if client not in gone]
            for client in gone:
                self.forget_client(inbound, str(client.get("email", "")))
            if gone and not inbound.clients:
                del self.state.inbounds[inbound.id]
        return Reply("All depleted clients are deleted.")

    async def wanted(self, request: web.Request) -> tuple[int, list[Client]]:
        """Read what both writing routes are sent: an inbound's number and clients in a string of JSON."""
        fields = await fields_of(request)
        text = fields.get("settings", "")
        if not isinstance(text, str):
            raise Failure("json: cannot unmarshal object into Go struct field .settings of type string")
        settings = parsed(text)
        clients: Any = settings.get("clients") if isinstance(settings, dict) else None
        if not isinstance(clients, list) or not clients:
            raise Crash
        return whole_number(fields.get("id")), [read_client(client) for client in clients]

    def require_keys(self, inbound: Inbound, clients: list[Client]) -> None:
        if not all(client.get(inbound.key_field) for client in clients):
            raise Failure(NO_KEY)

    def write_back(self, inbound: Inbound, read: list[Client], clients: list[Client]) -> None:
        """Replace an inbound's whole list; what others wrote since `read` was read is lost, and counted."""
        known = {id(client) for client in read}
        self.state.overwritten += sum(id(client) not in known for client in inbound.clients)
        inbound.clients = clients

    def apply(self, inbound: Inbound, client: Client) -> None:
        self.panel.count(inbound, client)
        self.panel.let_in(inbound, client)
        self.panel.changed(str(client.get("email", "")))

    def rename_row(self, old: str, new: str) -> None:
        row = self.state.rows.pop(old, None)
        if row is not None:
            row.email = new
            self.state.rows[new] = row

    def forget_client(self, inbound: Inbound, email: str) -> None:
        self.state.rows.pop(email, None)
        self.panel.shut_out(inbound.id, email)
        self.panel.changed(email)
