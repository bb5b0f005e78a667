"""The page's server: static files, addresses, and the stand-ins' control calls on its own port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.standin import PanelStandIn, StandIn
from sandbox.yookassa import YooKassaStandIn

STATIC = Path(__file__).parent / "static"
CONTROL = "/_emu/"
# The pay page stands beside the chat, in a frame.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; frame-src {pay_page}; frame-ancestors 'self'"
)


def page_app(
    telegram: StandIn,
    panels: Sequence[PanelStandIn],
    yookassa: YooKassaStandIn,
    links: Mapping[str, str] | None = None,
) -> web.Application:
    """Give the page's application.

    Telegram's control calls answer under /_emu/, each panel's under /panels/<name>/_emu/, YooKassa's under
    /yookassa/_emu/, with the same handlers as on their own ports. `links` (web, admin, docs and the panels
    by name) is read at each request, so that addresses known only after start still show.
    """
    app = web.Application(middlewares=[page_headers(yookassa)])
    page = Page(panels, yookassa, links if links is not None else {})
    app.router.add_get("/", page.index)
    app.router.add_get("/config", page.config)
    app.router.add_static("/static/", STATIC)
    mount_control_calls(app, telegram, at="")
    mount_control_calls(app, yookassa, at="/yookassa")
    for panel in panels:
        mount_control_calls(app, panel, at=f"/panels/{panel.name}")
    return app


class Page:
    """Handlers of the page's own two calls."""

    def __init__(
        self, panels: Sequence[PanelStandIn], yookassa: YooKassaStandIn, links: Mapping[str, str]
    ) -> None:
        self.panels, self.yookassa = panels, yookassa
        self.links = links

    async def index(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "index.html")

    async def config(self, request: web.Request) -> web.Response:
        """Say where the shop, its admin, its docs, pay pages and panels are; what is not known is null."""
        known = {name: self.links.get(name) for name in ("web", "admin", "docs")}
        panels = [
            {"name": panel.name, "url": self.links.get(panel.name), "kind": panel.kind, "about": panel.about}
            for panel in self.panels
        ]
        return web.json_response({**known, "pay_page": self.yookassa.cashier.base, "panels": panels})


def mount_control_calls(app: web.Application, stand_in: StandIn, *, at: str) -> None:
    """Answer a stand-in's control calls below `at` too, past its fault middleware."""
    for route in stand_in.app().router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if path.startswith(CONTROL) and route.method not in ("HEAD", "OPTIONS"):
            app.router.add_route(route.method, at + path, route.handler)


def page_headers(yookassa: YooKassaStandIn) -> Any:
    """Give the middleware that forbids outside resources and makes browsers ask again after an upgrade."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if not response.prepared:
            policy = CONTENT_SECURITY_POLICY.format(pay_page=yookassa.cashier.base or "'none'")
            response.headers["Content-Security-Policy"] = policy
            response.headers["Cache-Control"] = "no-cache"
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return middleware
