"""Counters in the legacy dialect: read, set to zero, corrected; who is there, and from which addresses."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.xui.answers import fields_of, whole_number
from sandbox.xui.errors import TRAFFICS, Crash, Failure
from sandbox.xui.panel import Door
from sandbox.xui.routes import Reply, Route
from sandbox.xui.state import Row
from sandbox.xui.versions import CLIENTS

ROOT = "panel/api/inbounds"
RESET = "Traffic has been reset."


class TrafficDoor(Door):
    def routes(self) -> list[Route]:
        routes = [
            Route("GET", f"{ROOT}/getClientTraffics/{{email}}", self.by_email, until=CLIENTS),
            Route("GET", f"{ROOT}/getClientTrafficsById/{{key}}", self.by_id, until=CLIENTS),
            Route("POST", f"{ROOT}/{{number}}/resetClientTraffic/{{email}}", self.reset, until=CLIENTS),
            Route("POST", f"{ROOT}/resetAllClientTraffics/{{number}}", self.reset_inbound, until=CLIENTS),
            Route("POST", f"{ROOT}/resetAllTraffics", self.reset_all, until=CLIENTS),
            Route("POST", f"{ROOT}/clientIps/{{email}}", self.ips, until=CLIENTS),
            Route("POST", f"{ROOT}/clearClientIps/{{email}}", self.clear_ips, until=CLIENTS),
            Route("POST", f"{ROOT}/onlines", self.onlines, until=CLIENTS),
        ]
        return [
            *routes,
            Route("POST", f"{ROOT}/lastOnline", self.last_online, since=(2, 6, 8), until=CLIENTS),
            Route(
                "POST",
                f"{ROOT}/updateClientTraffic/{{email}}",
                self.correct,
                since=(2, 6, 3),
                until=CLIENTS,
            ),
        ]

    async def by_email(self, request: web.Request, email: str) -> Reply:
        row = self.state.rows.get(email)
        places = self.state.places_of(email)
        if row is None or (self.panel.since(2, 8, 1) and not places):
            if self.panel.since(2, 8, 1):
                raise Failure(f"Inbound Not Found For Email: {email}", TRAFFICS)
            return Reply()
        shown = self.panel.show_row(row, places[0][1] if places else None)
        if (2, 8, 1) <= self.panel.version <= (2, 8, 11):
            # These versions show the client's own flag here, whatever the poll has done.
            shown["enable"] = bool(places[0][1].get("enable"))
        return Reply(obj=shown)

    async def by_id(self, request: web.Request, key: str) -> Reply:
        holders = [client for _, client in self.state.placed() if client.get("id") == key]
        found = [(self.state.rows.get(str(client.get("email"))), client) for client in holders]
        return Reply(obj=[self.panel.show_row(row, client) for row, client in found if row is not None])

    async def reset(self, request: web.Request, number: str, email: str) -> Reply:
        """Set one client's counters to zero and take back what the poll did, as far as the version can."""
        row = self.state.rows.get(email)
        if row is None:
            raise Failure(f"Inbound Not Found For Email: {email}")
        was_cut = not row.enable
        self.clear(row)
        # 2.8.1-2.8.11 look at the client's own flag here, find it on, and leave the core as it is.
        if was_cut and not (2, 8, 1) <= self.panel.version <= (2, 8, 11):
            for inbound, client in self.state.places_of(email):
                self.panel.let_in(inbound, client)
        return Reply(RESET)

    async def reset_inbound(self, request: web.Request, number: str) -> Reply:
        wanted = whole_number(number)
        for row in self.state.rows.values():
            if wanted in (-1, row.inbound_id):
                self.clear(row)
        self.panel.restart_core()
        return Reply("All traffic from the clients has been reset.")

    async def reset_all(self, request: web.Request) -> Reply:
        self.panel.restart_core()
        return Reply("All traffic has been reset.")

    def clear(self, row: Row) -> None:
        row.up = row.down = 0
        row.enable = True
        self.panel.changed(row.email)

    async def correct(self, request: web.Request, email: str) -> Reply:
        """Set counters to given values."""
        row = self.state.rows.get(email)
        if row is None:
            raise Failure(f"Inbound Not Found For Email: {email}")
        fields: Any = await fields_of(request)
        row.up, row.down = whole_number(fields.get("upload")), whole_number(fields.get("download"))
        return Reply(UPDATED)

    async def ips(self, request: web.Request, email: str) -> Reply:
        return Reply(obj="No IP Record")

    async def clear_ips(self, request: web.Request, email: str) -> Reply:
        return Reply("Log has been cleared.")

    async def onlines(self, request: web.Request) -> Reply:
        if not self.state.core_started:
            raise Crash
        return Reply(obj=self.panel.online() or None)

    async def last_online(self, request: web.Request) -> Reply:
        return Reply(obj={row.email: row.last_online for row in self.state.rows.values()})


UPDATED = "Inbound client has been updated."
