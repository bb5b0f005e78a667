"""Inbounds as every version lists them, and what a panel says of its machine."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.xui.answers import whole_number
from sandbox.xui.errors import OBTAIN, Missing
from sandbox.xui.panel import Door, settings_text
from sandbox.xui.routes import Reply, Route
from sandbox.xui.state import Inbound
from sandbox.xui.versions import CLIENTS, DEVELOPMENT

ROOT = "panel/api/inbounds"
SNIFFING = {
    "enabled": False,
    "destOverride": ["http", "tls", "quic", "fakedns"],
    "metadataOnly": False,
    "routeOnly": False,
}


class InboundsDoor(Door):
    def routes(self) -> list[Route]:
        return [
            Route("GET", f"{ROOT}/list", self.all),
            Route("GET", f"{ROOT}/get/{{number}}", self.one),
            Route("GET", f"{ROOT}/list/slim", self.slim, since=CLIENTS),
            Route("GET", f"{ROOT}/options", self.options, since=CLIENTS),
            Route("POST", "server/status", self.status, until=(2, 7, 0)),
            Route("GET", "panel/api/server/status", self.status, since=(2, 7, 0)),
            Route("POST", "server/restartXrayService", self.restart, until=(2, 7, 0)),
            Route("POST", "panel/api/server/restartXrayService", self.restart, since=(2, 7, 0)),
        ]

    async def all(self, request: web.Request) -> Reply:
        return Reply(obj=[self.show(inbound, with_rows=True) for inbound in self.state.inbounds.values()])

    async def one(self, request: web.Request, number: str) -> Reply:
        inbound = self.state.inbounds.get(whole_number(number))
        if inbound is None:
            raise Missing(OBTAIN)
        return Reply(obj=self.show(inbound, with_rows=self.panel.since(3, 0, 0)))

    async def slim(self, request: web.Request) -> Reply:
        """List the inbounds without what their clients carry but names and flags."""
        shown = []
        for inbound in self.state.inbounds.values():
            kept = ("email", "enable", "subId", "comment")
            clients = [{name: client.get(name) for name in kept} for client in inbound.clients]
            settings = {"clients": clients, **inbound.settings}
            shown.append(self.show(inbound, with_rows=True) | {"settings": settings})
        return Reply(obj=shown)

    async def options(self, request: web.Request) -> Reply:
        named = ("id", "remark", "tag", "protocol", "port", "enable")
        shown = [
            {name: getattr(inbound, name) for name in named}
            | {"tlsFlowCapable": inbound.takes_flow, "ssMethod": inbound.settings.get("method", "")}
            for inbound in self.state.inbounds.values()
        ]
        return Reply(obj=shown)

    def show(self, inbound: Inbound, *, with_rows: bool) -> dict[str, Any]:
        """Give an inbound as this version does: nested from 3.1.0 on, strings of JSON before."""
        rows = [
            (self.state.rows[email], client)
            for client in inbound.clients
            if (email := str(client.get("email", ""))) in self.state.rows
        ]
        shown: dict[str, Any] = {
            "id": inbound.id,
            "up": sum(row.up for row, _ in rows),
            "down": sum(row.down for row, _ in rows),
            "total": 0,
            "remark": inbound.remark,
            "enable": inbound.enable,
            "expiryTime": 0,
            "clientStats": self.stats(inbound) if with_rows else None,
            "listen": inbound.listen,
            "port": inbound.port,
            "protocol": inbound.protocol,
            "tag": inbound.tag,
        }
        shown |= self.newer_fields(shown)
        if self.panel.since(*CLIENTS):
            settings = {"clients": inbound.clients, **inbound.settings}
            return shown | {"settings": settings, "streamSettings": inbound.stream, "sniffing": SNIFFING}
        stream = json.dumps(inbound.stream, ensure_ascii=False)
        texts = {"settings": settings_text(inbound), "streamSettings": stream}
        return shown | texts | {"sniffing": json.dumps(SNIFFING)}

    def newer_fields(self, shown: dict[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.panel.since(2, 6, 7) and not self.panel.since(*CLIENTS):
            fields["allTime"] = shown["up"] + shown["down"]
        if self.panel.since(2, 8, 0):
            fields |= {"trafficReset": "never", "lastTrafficResetTime": 0}
        if self.panel.since(*CLIENTS):
            fields |= {"shareAddrStrategy": "node", "shareAddr": "", "disableFlow": False}
        if self.panel.version >= DEVELOPMENT:
            fields |= {"subSortIndex": shown["id"], "trafficResetDay": 1, "originNodeGuid": ""}
        return fields

    def stats(self, inbound: Inbound) -> list[dict[str, Any]]:
        """Give the inbound's rows; a row whose client was lost in a race stays in the legacy list."""
        clients = {str(client.get("email", "")): client for client in inbound.clients}
        if self.panel.since(*CLIENTS):
            rows = [row for email in clients if (row := self.state.rows.get(email)) is not None]
        else:
            rows = [row for row in self.state.rows.values() if row.inbound_id == inbound.id]
        return [self.panel.show_row(row, clients.get(row.email)) for row in rows]

    async def status(self, request: web.Request) -> Reply:
        started = self.state.core_started
        shown = MACHINE | {
            "xray": {
                "state": "running" if started else "stop",
                "errorMsg": "" if started else "exit status 23",
                "version": "26.4.25",
            },
            "uptime": 864_000,
        }
        if self.panel.since(*CLIENTS):
            shown["panelVersion"] = self.state.version
        return Reply(obj=shown)

    async def restart(self, request: web.Request) -> Reply:
        self.state.core_started = True
        self.panel.restart_core()
        return Reply("Xray service has been successfully restarted.")


MACHINE: dict[str, Any] = {
    "cpu": 3.1,
    "cpuCores": 2,
    "logicalPro": 2,
    "cpuSpeedMhz": 2400.0,
    "mem": {"current": 612_368_384, "total": 2_079_195_136},
    "swap": {"current": 0, "total": 0},
    "disk": {"current": 6_442_450_944, "total": 42_949_672_960},
    "loads": [0.1, 0.2, 0.2],
    "tcpCount": 120,
    "udpCount": 8,
    "netIO": {"up": 120_000, "down": 450_000},
    "netTraffic": {"sent": 9_000_000_000, "recv": 8_000_000_000},
    "publicIP": {"ipv4": "203.0.113.10", "ipv6": "N/A"},
    "appStats": {"threads": 14, "mem": 61_865_984, "uptime": 86_400},
}
