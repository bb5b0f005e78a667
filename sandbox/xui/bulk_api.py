"""Many clients in one call: each has an outcome of its own, and the call succeeds whatever they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.xui.clients_api import ROOT, RecordDoor, json_of, numbers_of, object_of
from sandbox.xui.errors import MISSING, Failure
from sandbox.xui.panel import XuiPanel, read_client
from sandbox.xui.records import Records
from sandbox.xui.routes import Reply, Route
from sandbox.xui.state import Record
from sandbox.xui.versions import CLIENTS

DAY_MS = 86_400_000
Change = Callable[[Record], Awaitable[None]]
Move = Callable[[Record, int], Awaitable[None]]


class BulkDoor(RecordDoor):
    def __init__(self, panel: XuiPanel, records: Records) -> None:
        super().__init__(panel, records.in_bulk())

    def routes(self) -> list[Route]:
        return [
            Route("POST", f"{ROOT}/bulkAdjust", self.adjust, CLIENTS),
            Route("POST", f"{ROOT}/bulkCreate", self.create, (3, 2, 0)),
            Route("POST", f"{ROOT}/bulkDel", self.delete, (3, 2, 0)),
            Route("POST", f"{ROOT}/bulkAttach", self.attach, (3, 2, 0)),
            Route("POST", f"{ROOT}/bulkDetach", self.detach, (3, 2, 0)),
            Route("POST", f"{ROOT}/bulkResetTraffic", self.reset, (3, 2, 0)),
            Route("POST", f"{ROOT}/bulkEnable", self.enable, (3, 4, 1)),
            Route("POST", f"{ROOT}/bulkDisable", self.disable, (3, 4, 1)),
        ]

    async def create(self, request: web.Request) -> Reply:
        wishes = await json_of(request)
        if not isinstance(wishes, list):
            raise Failure("json: cannot unmarshal object into Go value of type []")
        await self.panel.compute()
        created, skipped = 0, []
        for wish in wishes:
            client = wish.get("client") or {}
            try:
                if client.get("email") in self.state.records:
                    raise Failure(f"email already in use: {client['email']}")
                await self.records.add(read_client(client), numbers_of(wish, "inboundIds"))
                created += 1
            except Failure as failure:
                skipped.append({"email": client.get("email", ""), "reason": failure.error.strip()})
        return Reply(obj=outcome("created", created, skipped))

    async def adjust(self, request: web.Request) -> Reply:
        """Add days and bytes to what is stored; what is unlimited stays so and is told as skipped."""
        body = await object_of(request)
        days, size = int(body.get("addDays") or 0), int(body.get("addBytes") or 0)

        async def change(record: Record) -> None:
            fields, added = record.fields, {}
            if days and fields["expiryTime"] > 0:
                added["expiryTime"] = fields["expiryTime"] + days * DAY_MS
            if size and fields["totalGB"] > 0:
                added["totalGB"] = max(0, fields["totalGB"] + size)
            if not added:
                raise Failure("unlimited expiry" if days else "unlimited traffic")
            row = self.state.rows.get(fields["email"])
            ran_out = row is not None and (row.is_used_up or row.is_over(self.panel.now_ms))
            if ran_out and self.panel.since(3, 5, 0):
                added["enable"] = True
            await self.records.change(record, **added)

        return await self.each(body, "adjusted", change)

    async def delete(self, request: web.Request) -> Reply:
        body = await object_of(request)

        async def change(record: Record) -> None:
            await self.records.delete(record.fields["email"], keeps_traffic=bool(body.get("keepTraffic")))

        return await self.each(body, "deleted", change)

    async def attach(self, request: web.Request) -> Reply:
        return await self.move(request, "attached", self.records.put_into, stands=False)

    async def detach(self, request: web.Request) -> Reply:
        return await self.move(request, "detached", self.records.take_out_of, stands=True)

    async def move(self, request: web.Request, done: str, change: Move, *, stands: bool) -> Reply:
        """Put clients into inbounds, or take those out that `stand` there; name them, and errors as texts.

        Who had nothing to do is skipped; what goes wrong at one inbound leaves the others done.
        """
        body = await object_of(request)
        await self.panel.compute()
        moved, skipped, errors = [], [], []
        for email in emails_of(body):
            record = self.state.records.get(email)
            if record is None:
                errors.append(f"{email}: {MISSING}")
                continue
            due = [each for each in numbers_of(body, "inboundIds") if (each in record.inbound_ids) == stands]
            for number in due:
                try:
                    await change(record, number)
                except Failure as failure:
                    errors.append(f"inbound {number}: {failure.error.strip()}")
                else:
                    moved.append(email)
            if not due:
                skipped.append(email)
        return Reply(obj={done: moved or None, "skipped": skipped or None, "errors": errors or None})

    async def reset(self, request: web.Request) -> Reply:
        """Set counters to zero, and always flag a restart of the core."""
        body = await object_of(request)
        affected = 0
        for email in emails_of(body):
            row = self.state.rows.get(email)
            if row is not None:
                row.up = row.down = 0
                row.enable = True
                affected += 1
        self.panel.restart_core()
        return Reply(obj={"affected": affected})

    async def enable(self, request: web.Request) -> Reply:
        return await self.turn(request, is_on=True)

    async def disable(self, request: web.Request) -> Reply:
        return await self.turn(request, is_on=False)

    async def turn(self, request: web.Request, *, is_on: bool) -> Reply:
        async def change(record: Record) -> None:
            await self.records.change(record, enable=is_on)

        return await self.each(await object_of(request), "changed", change)

    async def each(self, body: dict[str, Any], done: str, change: Change) -> Reply:
        await self.panel.compute()
        count, skipped = 0, []
        for email in emails_of(body):
            record = self.state.records.get(email)
            try:
                if record is None:
                    raise Failure("client not found")
                await change(record)
                count += 1
            except Failure as failure:
                skipped.append({"email": email, "reason": failure.error.strip()})
        return Reply(obj=outcome(done, count, skipped))


def emails_of(body: dict[str, Any]) -> list[str]:
    emails = body.get("emails") or []
    if not isinstance(emails, list):
        raise Failure("json: cannot unmarshal value into Go struct field .emails of type []string")
    return [str(email) for email in emails]


def outcome(done: str, count: int, skipped: list[dict[str, Any]]) -> dict[str, Any]:
    return {done: count} | ({"skipped": skipped} if skipped else {})
