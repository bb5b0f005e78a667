"""The panel as the sandbox's server sees it: its application, its poll, its saved state."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.control import Controls, middlewares, mount_controls
from sandbox.events import EventHub
from sandbox.xui.answers import denied, envelope, failure, fault_answer
from sandbox.xui.bulk_api import BulkDoor
from sandbox.xui.clients_api import ClientsDoor
from sandbox.xui.control import PanelControl
from sandbox.xui.errors import Crash, Denied, Failure
from sandbox.xui.gate import Gate
from sandbox.xui.inbounds_api import InboundsDoor
from sandbox.xui.legacy_api import LegacyDoor
from sandbox.xui.list_api import ListDoor
from sandbox.xui.panel import XuiPanel
from sandbox.xui.poll import poll_if_due
from sandbox.xui.records import Records
from sandbox.xui.routes import Reply, Routes
from sandbox.xui.seeds import fresh_state
from sandbox.xui.subscription import PATH, subscription
from sandbox.xui.tokens_api import TokensDoor
from sandbox.xui.traffic_api import TrafficDoor
from sandbox.xui.versions import DEFAULT

JOBS_SECONDS = 0.5
LARGEST_BODY = 64 * 2**20
LARGEST_BODY_TAKEN = 10 * 2**20

logger = logging.getLogger(__name__)


class XuiStandIn:
    """One panel of one version, which a control call may change."""

    kind = "xui"

    def __init__(self, hub: EventHub, *, name: str = "xui", version: str = DEFAULT) -> None:
        self.name = name
        self.hub = hub
        self.first_version = version
        self.controls = Controls()
        self.panel = XuiPanel(name, fresh_state(name, version), self.controls.clock, hub)
        self.records = Records(self.panel)
        self.gate = Gate(self.panel)
        self.control = PanelControl(self.panel, self.records, self.gate)
        old = (
            InboundsDoor(self.panel),
            LegacyDoor(self.panel),
            TrafficDoor(self.panel),
            TokensDoor(self.panel),
        )
        new = (door(self.panel, self.records) for door in (ListDoor, BulkDoor, ClientsDoor))
        self.routes = Routes(route for door in (self.gate, *old, *new) for route in door.routes())
        self._jobs: asyncio.Task[None] | None = None
        self._app = self._build()

    @property
    def about(self) -> str:
        return f"3x-ui {self.panel.state.version}"

    def app(self) -> web.Application:
        return self._app

    def _build(self) -> web.Application:
        layers = middlewares(self.controls, self.call_name, fault_answer)
        app = web.Application(middlewares=layers, client_max_size=LARGEST_BODY)
        mount_controls(app, self.controls, self.hub, reset=self.reset)
        self.control.add_to(app.router)
        app.router.add_route("*", "/{path:.*}", self.serve)
        return app

    def call_name(self, request: web.Request) -> str | None:
        """Name a call by method and path below the base path; control calls and pages have no name."""
        if request.path.startswith(PATH):
            return f"{request.method} {request.path}"
        path = self.below_base(request)
        if request.path.startswith("/_emu/") or not path:
            return None
        return f"{request.method} /{path}"

    def below_base(self, request: web.Request) -> str | None:
        """Give the path below the panel's base path, None for one that is not below it."""
        path, base = unquote(request.rel_url.raw_path), self.panel.state.base_path
        return path[len(base) :] if path.startswith(base) else None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer as the panel does, after letting its poll catch up."""
        await asyncio.sleep(self.control.latency_seconds())
        poll_if_due(self.panel)
        try:
            answer = await self.answer(request)
        except Failure as problem:
            return failure(problem, request.headers.get("Accept-Language", "en-US"))
        except Denied as problem:
            return denied(problem)
        except Crash:
            return web.Response(status=500)
        except web.HTTPException:
            raise
        except Exception:
            logger.exception("The panel stand-in failed on %s %s", request.method, request.path)
            return web.Response(status=500)
        if isinstance(answer, Reply):
            return envelope(success=True, message=answer.message, obj=answer.obj)
        return answer

    async def answer(self, request: web.Request) -> Reply | web.StreamResponse:
        domain = self.panel.state.web_domain
        if domain and request.host.rpartition(":")[0] != domain and request.host != domain:
            raise Denied(403)
        if request.method == "GET" and request.path.startswith(PATH):
            return subscription(self.panel, request.path.removeprefix(PATH), request)
        path = self.below_base(request)
        if request.method == "GET" and (request.path == "/" or path == ""):
            return self.control.page()
        found = self.routes.find(request.method, path, self.panel.version) if path is not None else None
        if found is None:
            raise Denied(404)
        if self.panel.since(3, 4, 0) and (request.content_length or 0) > LARGEST_BODY_TAKEN:
            raise Denied(413)
        route, named = found
        if route.path.startswith(("panel/", "server/")):
            self.gate.admit(request, route.path)
        return await route.handler(request, **named)

    def reset(self) -> None:
        """Hand the panel over as new, of the version it began with."""
        self.panel.state.load(fresh_state(self.name, self.first_version).dump())
        for part in (self.control, self.records, self.gate):
            part.forget()
        self.hub.publish("xui.restored", panel=self.name)

    def dump(self) -> dict[str, Any]:
        return self.panel.state.dump() | {"clock": self.controls.clock.state()["offset"]}

    def load(self, state: dict[str, Any]) -> None:
        state = dict(state)
        self.controls.clock.apply({"real": True})
        self.controls.clock.apply({"advance": state.pop("clock")})
        self.panel.state.load(state)

    async def start(self) -> None:
        self._jobs = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(JOBS_SECONDS)
            poll_if_due(self.panel)

    async def stop(self) -> None:
        if self._jobs is not None:
            self._jobs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._jobs
            self._jobs = None
