"""The panel as the sandbox's server sees it: its application, its jobs, its saved state."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from sandbox.control import Controls, middlewares, mount_controls
from sandbox.events import EventHub
from sandbox.marzban.admin_api import AdminDoor
from sandbox.marzban.answers import answers_middleware
from sandbox.marzban.control import PanelControl
from sandbox.marzban.list_api import ListDoor
from sandbox.marzban.page import users_page
from sandbox.marzban.panel import Panel
from sandbox.marzban.panel_api import PanelDoor
from sandbox.marzban.review import review_if_due
from sandbox.marzban.seeds import fresh_state
from sandbox.marzban.subscription_api import SubscriptionDoor
from sandbox.marzban.user_api import UserDoor

JOBS_SECONDS = 0.5


def call_name(request: web.Request) -> str | None:
    """Name a call by method and path; control calls and the panel's page have no name and meet no faults."""
    if request.path == "/" or request.path.startswith("/_emu/"):
        return None
    return f"{request.method} {request.path}"


class MarzbanStandIn:
    """One panel: its users, its admins and the keys its core lets in."""

    kind = "marzban"
    about = "Marzban 0.8.4"

    def __init__(self, hub: EventHub, *, name: str = "marzban") -> None:
        self.name = name
        self.hub = hub
        self.controls = Controls()
        self.panel = Panel(name, fresh_state(name), self.controls.clock, hub)
        self.control = PanelControl(self.panel)
        self._jobs: asyncio.Task[None] | None = None
        self._app = self._build()

    def app(self) -> web.Application:
        return self._app

    def _build(self) -> web.Application:
        layers = middlewares(self.controls, call_name)
        layers.append(answers_middleware(self.panel, self.control.latency_seconds))
        app = web.Application(middlewares=layers)
        app.router.add_get("/", self.page)
        mount_controls(app, self.controls, self.hub, reset=self.reset)
        self.control.add_to(app.router)
        for door in (AdminDoor, ListDoor, UserDoor, PanelDoor, SubscriptionDoor):
            door(self.panel).add_to(app.router)
        return app

    async def page(self, request: web.Request) -> web.Response:
        return users_page(self.panel)

    def reset(self) -> None:
        """Hand the panel over as new."""
        self.panel.state.load(fresh_state(self.name).dump())
        self.control.forget()
        self.panel.webhooks.forget()
        self.hub.publish("marzban.restored", panel=self.name)

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
            review_if_due(self.panel)
            await self.panel.webhooks.send_if_due()

    async def stop(self) -> None:
        if self._jobs is not None:
            self._jobs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._jobs
            self._jobs = None
