"""The routes of the clients dialect for one client at a time."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.xui.answers import parsed, whole_number
from sandbox.xui.errors import OBTAIN, TRAFFICS, Crash, Failure, Missing
from sandbox.xui.links import links_on
from sandbox.xui.panel import Door, XuiPanel, read_client
from sandbox.xui.records import Records
from sandbox.xui.routes import Reply, Route
from sandbox.xui.state import Record
from sandbox.xui.versions import CLIENTS, DEVELOPMENT

ROOT = "panel/api/clients"
ADDED = "Inbound client(s) have been added."
UPDATED = "Inbound client has been updated."
DELETED = "Inbound client has been deleted."


class RecordDoor(Door):
    """A door whose handlers work on records."""

    def __init__(self, panel: XuiPanel, records: Records) -> None:
        self.records = records
        super().__init__(panel)

    def show(self, record: Record) -> dict[str, Any]:
        """Give a record as it is read: what is written as `id` reads `uuid`."""
        fields = {name: value for name, value in record.fields.items() if name != "id"}
        newest = NEWEST if self.panel.version >= DEVELOPMENT else {}
        dates = {"createdAt": record.created, "updatedAt": record.updated}
        return NEVER_SET | newest | fields | {"id": record.id, "uuid": record.fields["id"]} | dates

    def pending(self) -> dict[str, bool] | None:
        """What is said besides success when a node could not be told."""
        return {"nodePending": True} if self.state.node_offline and self.panel.since(3, 2, 8) else None


class ClientsDoor(RecordDoor):
    def routes(self) -> list[Route]:
        return [
            Route("POST", f"{ROOT}/add", self.add, CLIENTS),
            Route("POST", f"{ROOT}/update/{{email}}", self.update, CLIENTS),
            Route("POST", f"{ROOT}/del/{{email}}", self.delete, CLIENTS),
            Route("POST", f"{ROOT}/{{email}}/attach", self.attach, CLIENTS),
            Route("POST", f"{ROOT}/{{email}}/detach", self.detach, CLIENTS),
            Route("GET", f"{ROOT}/get/{{email}}", self.get, CLIENTS),
            Route("GET", f"{ROOT}/traffic/{{email}}", self.traffic, CLIENTS),
            Route("GET", f"{ROOT}/links/{{email}}", self.links, CLIENTS),
            Route("GET", f"{ROOT}/subLinks/{{sub_id}}", self.sub_links, CLIENTS),
            Route("POST", f"{ROOT}/resetTraffic/{{email}}", self.reset, CLIENTS),
            Route("POST", f"{ROOT}/updateTraffic/{{email}}", self.correct, CLIENTS),
            Route("POST", f"{ROOT}/onlines", self.onlines, CLIENTS),
            Route("POST", f"{ROOT}/lastOnline", self.last_online, CLIENTS),
            Route("POST", f"{ROOT}/ips/{{email}}", self.ips, CLIENTS),
            Route("POST", f"{ROOT}/clearIps/{{email}}", self.clear_ips, CLIENTS),
        ]

    async def add(self, request: web.Request) -> Reply:
        body = await object_of(request)
        await self.records.add(read_client(body.get("client")), numbers_of(body, "inboundIds"))
        return Reply(ADDED, self.pending())

    async def update(self, request: web.Request, email: str) -> Reply:
        await self.records.update(email, read_client(await object_of(request)))
        return Reply(UPDATED, self.pending())

    async def delete(self, request: web.Request, email: str) -> Reply:
        await self.records.delete(email, keeps_traffic=request.query.get("keepTraffic") == "1")
        return Reply(DELETED)

    async def attach(self, request: web.Request, email: str) -> Reply:
        record = self.records.record(email)
        for number in numbers_of(await object_of(request), "inboundIds"):
            if number not in record.inbound_ids:
                await self.records.put_into(record, number)
        return Reply(ADDED, self.pending())

    async def detach(self, request: web.Request, email: str) -> Reply:
        record = self.records.record(email)
        for number in numbers_of(await object_of(request), "inboundIds"):
            if number in record.inbound_ids:
                await self.records.take_out_of(record, number)
        return Reply(DELETED, self.pending())

    async def get(self, request: web.Request, email: str) -> Reply:
        record = self.records.record(email, OBTAIN)
        obj: dict[str, Any] = {"client": self.show(record), "inboundIds": record.inbound_ids}
        if self.panel.since(3, 4, 0):
            row = self.state.rows.get(email)
            obj |= {"externalLinks": [], "usedTraffic": row.used if row is not None else 0}
        return Reply(obj=obj)

    async def traffic(self, request: web.Request, email: str) -> Reply:
        row, record = self.state.rows.get(email), self.state.records.get(email)
        if row is not None:
            return Reply(obj=self.panel.show_row(row, record.fields if record is not None else None))
        if self.panel.since(3, 2, 8):
            return Reply()
        raise Missing(TRAFFICS)

    async def links(self, request: web.Request, email: str) -> Reply:
        """Give the links by name, as up to 3.7.0: without the hosts, which those by subscription have."""
        self.records.record(email, OBTAIN)
        places, host = self.state.places_of(email), host_of(request)
        found = (links_on(self.panel, *place, host, with_hosts=False) for place in places)
        return Reply(obj=[link for links in found for link in links])

    async def sub_links(self, request: web.Request, sub_id: str) -> Reply:
        placed = [place for place in self.state.placed() if place[1].get("subId") == sub_id]
        found = (links_on(self.panel, *place, host_of(request)) for place in placed if place[0].enable)
        return Reply(obj=[link for links in found for link in links])

    async def reset(self, request: web.Request, email: str) -> Reply:
        await self.records.reset(email)
        return Reply("Traffic has been reset.")

    async def correct(self, request: web.Request, email: str) -> Reply:
        row, body = self.records.row(email), await object_of(request)
        row.up, row.down = whole_number(body.get("upload")), whole_number(body.get("download"))
        return Reply(UPDATED)

    async def onlines(self, request: web.Request) -> Reply:
        if not self.state.core_started:
            raise Crash
        return Reply(obj=self.panel.online())

    async def last_online(self, request: web.Request) -> Reply:
        return Reply(obj={row.email: row.last_online for row in self.state.rows.values()})

    async def ips(self, request: web.Request, email: str) -> Reply:
        return Reply(obj="No IP Record")

    async def clear_ips(self, request: web.Request, email: str) -> Reply:
        return Reply("Log has been cleared.")


NEVER_SET = {
    "security": "",
    "reverse": None,
    "privateKey": "",
    "publicKey": "",
    "allowedIPs": "",
    "preSharedKey": "",
    "keepAlive": 0,
    "secret": "",
    "adTag": "",
}
# Fields of development builds.
NEWEST = {"limitHwid": 0, "resetDay": 0, "resetMax": 0, "trafficReset": "never", "trafficResetDay": 1}


async def json_of(request: web.Request) -> Any:
    return parsed(await request.text())


async def object_of(request: web.Request) -> dict[str, Any]:
    """These routes take JSON alone. Raises Failure."""
    body = await json_of(request)
    if not isinstance(body, dict):
        raise Failure("json: cannot unmarshal array into Go value of type model.Client")
    return body


def numbers_of(body: dict[str, Any], name: str) -> list[int]:
    numbers = body.get(name) or []
    if not isinstance(numbers, list) or not all(type(each) is int for each in numbers):
        raise Failure(f"json: cannot unmarshal value into Go struct field .{name} of type int")
    return numbers


def host_of(request: web.Request) -> str:
    return request.host.rpartition(":")[0] if ":" in request.host else request.host
