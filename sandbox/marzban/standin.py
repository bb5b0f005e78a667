"""The panel as the sandbox's server sees it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.control import Controls, middlewares, mount_controls
from sandbox.events import EventHub


def call_name(request: web.Request) -> str | None:
    """Name a call by method and path; control calls and the panel's own page have no name."""
    if request.path == "/" or request.path.startswith("/_emu/"):
        return None
    return f"{request.method} {request.path}"


class MarzbanStandIn:
    """One panel: its users, admins and the keys its core lets in."""

    def __init__(self, hub: EventHub, *, name: str = "marzban") -> None:
        self.name = name
        self.hub = hub
        self.controls = Controls()

    def app(self) -> web.Application:
        app = web.Application(middlewares=middlewares(self.controls, call_name))
        mount_controls(app, self.controls, self.hub, reset=self.reset)
        return app

    def reset(self) -> None:
        self.hub.touch()

    def dump(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any]) -> None:
        return

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return
