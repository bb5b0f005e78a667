"""The page's server: static files, addresses, and the stand-ins' control calls on its own port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.standin import StandIn

STATIC = Path(__file__).parent / "static"
CONTROL = "/_emu/"
CONTENT_SECURITY_POLICY = "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'self'"


def page_app(
    telegram: StandIn, marzbans: Sequence[StandIn], links: Mapping[str, str] | None = None
) -> web.Application:
    """Give the page's application.

    Telegram's control calls answer under /_emu/, each panel's under /panels/<name>/_emu/, with the same
    handlers as on their own ports. `links` (web, admin, docs and the panels by name) is read at each request,
    so that addresses known only after start still show.
    """
    app = web.Application(middlewares=[page_headers])
    page = Page(marzbans, links if links is not None else {})
    app.router.add_get("/", page.index)
    app.router.add_get("/config", page.config)
    app.router.add_static("/static/", STATIC)
    mount_control_calls(app, telegram, at="")
    for panel in marzbans:
        mount_control_calls(app, panel, at=f"/panels/{panel.name}")
    return app


class Page:
    """Handlers of the page's own two calls."""

    def __init__(self, panels: Sequence[StandIn], links: Mapping[str, str]) -> None:
        self.panels = panels
        self.links = links

    async def index(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "index.html")

    async def config(self, request: web.Request) -> web.Response:
        """Say where the shop, its admin, its docs and the panels are; what is not known is null."""
        known = {name: self.links.get(name) for name in ("web", "admin", "docs")}
        panels = [{"name": panel.name, "url": self.links.get(panel.name)} for panel in self.panels]
        return web.json_response({**known, "panels": panels})


def mount_control_calls(app: web.Application, stand_in: StandIn, *, at: str) -> None:
    """Answer a stand-in's control calls below `at` too, past its fault middleware."""
    for route in stand_in.app().router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if path.startswith(CONTROL) and route.method not in ("HEAD", "OPTIONS"):
            app.router.add_route(route.method, at + path, route.handler)


@web.middleware
async def page_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Forbid outside resources, and make the browser ask again after an upgrade."""
    response = await handler(request)
    if not response.prepared:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response
