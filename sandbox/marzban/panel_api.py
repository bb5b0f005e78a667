"""The panel itself: figures, entrances, hosts, core, nodes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiohttp import web

from sandbox.marzban.answers import Door, answer, body_of
from sandbox.marzban.errors import Refusal
from sandbox.marzban.seeds import host

VERSION = "0.8.4"
CORE_VERSION = "24.12.31"
ONLINE_SECONDS = 86_400
GIB = 1024**3


class PanelDoor(Door):
    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/system", self.system, allow_head=False)
        router.add_get("/api/inbounds", self.inbounds, allow_head=False)
        router.add_get("/api/hosts", self.hosts, allow_head=False)
        router.add_put("/api/hosts", self.put_hosts)
        router.add_get("/api/core", self.core, allow_head=False)
        router.add_post("/api/core/restart", self.restart_core)
        router.add_get("/api/nodes", self.nodes, allow_head=False)
        router.add_get("/api/nodes/usage", self.nodes_usage, allow_head=False)
        router.add_get("/api/node/{id}", self.node, allow_head=False)

    async def system(self, request: web.Request) -> web.Response:
        """Give the machine's figures (invented) and the user counts: an admin's own, online ones of all."""
        admin = self.admin(request)
        counts = Counter(user.status for user in self.state.users_of(self.seen_by(admin)))
        since = self.panel.clock.now() - ONLINE_SECONDS
        online = sum(1 for user in self.state.users.values() if (user.online_at or 0) > since)
        figures: dict[str, Any] = {
            "version": VERSION,
            "mem_total": 2 * GIB,
            "mem_used": GIB // 3,
            "cpu_cores": 2,
            "cpu_usage": 7.5,
            "total_user": counts.total(),
            "online_users": online,
        }
        statuses = ("active", "on_hold", "disabled", "expired", "limited")
        figures |= {f"users_{status}": counts[status] for status in statuses}
        figures |= {"incoming_bandwidth": 0, "outgoing_bandwidth": self.state.traffic}
        return answer(figures | {"incoming_bandwidth_speed": 0, "outgoing_bandwidth_speed": 0})

    async def inbounds(self, request: web.Request) -> web.Response:
        self.admin(request)
        by_protocol: dict[str, list[dict[str, Any]]] = {}
        for inbound in self.state.inbounds.values():
            by_protocol.setdefault(inbound.protocol, []).append(inbound.as_json())
        return answer(by_protocol)

    async def hosts(self, request: web.Request) -> web.Response:
        self.sudo(request)
        return answer(self.state.hosts)

    async def put_hosts(self, request: web.Request) -> web.Response:
        """Replace the hosts of the tags that are named."""
        self.sudo(request)
        body = await body_of(request)
        for tag in body:
            if tag not in self.state.inbounds:
                raise Refusal(400, f"Inbound {tag} doesn't exist")
        for tag, hosts in body.items():
            self.state.hosts[tag] = [host(**each) for each in hosts]
        self.panel.hub.touch()
        return answer(self.state.hosts)

    async def core(self, request: web.Request) -> web.Response:
        self.admin(request)
        started = self.state.core_started
        return answer({"version": CORE_VERSION, "started": started, "logs_websocket": "/api/core/logs"})

    async def restart_core(self, request: web.Request) -> web.Response:
        self.sudo(request)
        self.panel.restart_core()
        return answer({})

    async def nodes(self, request: web.Request) -> web.Response:
        self.sudo(request)
        return answer(self.state.nodes)

    async def nodes_usage(self, request: web.Request) -> web.Response:
        self.sudo(request)
        usage = [{"node_id": None, "node_name": "Master", "uplink": 0, "downlink": self.state.traffic}]
        usage += [
            {"node_id": node["id"], "node_name": node["name"], "uplink": 0, "downlink": 0}
            for node in self.state.nodes
        ]
        return answer({"usages": usage})

    async def node(self, request: web.Request) -> web.Response:
        self.sudo(request)
        for node in self.state.nodes:
            if str(node["id"]) == request.match_info["id"]:
                return answer(node)
        raise Refusal(404, "Node not found")
