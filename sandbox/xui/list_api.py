"""Lists of the clients dialect: all at once, or by pages that leave the keys out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.xui.answers import whole_number
from sandbox.xui.clients_api import ROOT, RecordDoor
from sandbox.xui.routes import Reply, Route
from sandbox.xui.state import Record
from sandbox.xui.versions import CLIENTS

LARGEST_PAGE = 200
SORTS = {"email": "email", "totalGB": "totalGB", "expiryTime": "expiryTime", "comment": "comment"}
EXPIRING_MS = 3 * 86_400_000

Kinds = dict[str, Callable[[Record], bool]]


class ListDoor(RecordDoor):
    def routes(self) -> list[Route]:
        return [
            Route("GET", f"{ROOT}/list", self.all, CLIENTS),
            Route("GET", f"{ROOT}/list/paged", self.paged, CLIENTS),
        ]

    async def all(self, request: web.Request) -> Reply:
        shown = [
            self.show(record) | {"inboundIds": record.inbound_ids, "traffic": self.row_of(record)}
            for record in self.state.records.values()
        ]
        return Reply(obj=shown)

    async def paged(self, request: web.Request) -> Reply:
        query = request.query
        page = max(1, whole_number(query.get("page", "1")))
        size = min(LARGEST_PAGE, max(1, whole_number(query.get("pageSize", "25"))))
        everybody = list(self.state.records.values())
        kinds = self.kinds()
        wanted = kinds.get(query.get("filter", ""))
        found = [
            record for record in everybody if (wanted is None or wanted(record)) and self.fits(record, query)
        ]
        by = SORTS.get(query.get("sort", ""))
        if by is not None:
            found.sort(key=lambda record: record.fields[by], reverse=query.get("order") == "descend")
        items = [self.row(record) for record in found[(page - 1) * size : page * size]]
        answer = {"items": items, "total": len(everybody), "filtered": len(found), "page": page}
        groups = sorted({record.fields["group"] for record in everybody} - {""})
        summary = summary_of(everybody, kinds)
        return Reply(obj=answer | {"pageSize": size, "summary": summary, "groups": groups})

    def row(self, record: Record) -> dict[str, Any]:
        named = ("email", "subId", "enable", "totalGB", "expiryTime", "limitIp", "reset", "comment")
        shown: dict[str, Any] = {name: record.fields[name] for name in named}
        places = {"inboundIds": record.inbound_ids, "traffic": self.row_of(record)}
        return shown | places | {"createdAt": record.created, "updatedAt": record.updated}

    def row_of(self, record: Record) -> dict[str, Any] | None:
        row = self.state.rows.get(record.fields["email"])
        return self.panel.show_row(row, record.fields) if row is not None else None

    def fits(self, record: Record, query: Any) -> bool:
        fields = record.fields
        search = query.get("search", "").lower()
        if search and not any(search in str(fields[name]).lower() for name in ("email", "subId", "comment")):
            return False
        if query.get("inbound") and whole_number(query["inbound"]) not in record.inbound_ids:
            return False
        numbers = [number for number in record.inbound_ids if number in self.state.inbounds]
        protocols = {self.state.inbounds[number].protocol for number in numbers}
        return query.get("protocol", "") in ("", *protocols)

    def kinds(self) -> Kinds:
        now, online = self.panel.now_ms, set(self.panel.online())

        def is_depleted(record: Record) -> bool:
            row = self.state.rows.get(record.fields["email"])
            return row is not None and (row.is_used_up or row.is_over(now))

        def is_off(record: Record) -> bool:
            return not record.fields["enable"] and not is_depleted(record)

        return {
            "online": lambda record: record.fields["email"] in online,
            "depleted": is_depleted,
            "expiring": lambda record: 0 < record.fields["expiryTime"] - now < EXPIRING_MS,
            "deactive": is_off,
            "active": lambda record: record.fields["enable"] and not is_depleted(record),
        }


def summary_of(everybody: list[Record], kinds: Kinds) -> dict[str, Any]:
    """Count the clients of each kind, and name them."""
    names = {
        kind: [record.fields["email"] for record in everybody if fits(record)] for kind, fits in kinds.items()
    }
    active = len(names.pop("active"))
    counts = {
        "onlineCount": len(names["online"]),
        "depletedCount": len(names["depleted"]),
        "expiringCount": len(names["expiring"]),
        "deactiveCount": len(names["deactive"]),
    }
    return {"total": len(everybody), "active": active} | counts | names
