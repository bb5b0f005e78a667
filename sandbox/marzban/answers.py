"""How the panel's HTTP layer behaves whatever the call: errors, trailing slashes, who may ask, its pace."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.faults import Handler
from sandbox.marzban.errors import Crash, Refusal
from sandbox.marzban.panel import Panel
from sandbox.marzban.review import review_if_due
from sandbox.marzban.state import Admin, User
from sandbox.marzban.tokens import admin_of_token

CRASH_TEXT = "Internal Server Error"
# Control calls are the sandbox's own and never meet the panel's pace or errors.
OWN_PATHS = ("/_emu/",)

logger = logging.getLogger(__name__)


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Give JSON the way the panel's framework writes it: no charset, letters as they are."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    named = {"content-type": "application/json", **(headers or {})}
    return web.Response(body=text.encode(), status=status, headers=named)


def detail(status: int, what: Any, headers: dict[str, str] | None = None) -> web.Response:
    return answer({"detail": what}, status, headers)


def crash() -> web.Response:
    return web.Response(text=CRASH_TEXT, status=500)


def answers_middleware(panel: Panel, latency_seconds: Callable[[], float]) -> Any:
    """Give the middleware that answers like the panel, after letting the panel's jobs catch up."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(OWN_PATHS):
            return await handler(request)
        await asyncio.sleep(latency_seconds())
        review_if_due(panel)
        try:
            return await handler(request)
        except Refusal as refusal:
            return detail(refusal.status, refusal.detail, refusal.headers)
        except Crash:
            return crash()
        except web.HTTPMethodNotAllowed as error:
            return detail(405, "Method Not Allowed", {"allow": ", ".join(sorted(error.allowed_methods))})
        except web.HTTPNotFound:
            return await not_found(request)
        except Exception:
            logger.exception("The panel stand-in failed on %s %s", request.method, request.path)
            return crash()

    return middleware


async def not_found(request: web.Request) -> web.Response:
    """Send a path with a slash too many to the path without it, if that one exists; else 404."""
    bare = request.path.rstrip("/")
    if bare and bare != request.path:
        match = await request.app.router.resolve(request.clone(rel_url=bare))
        if match.http_exception is None:
            target = f"{request.scheme}://{request.host}{bare}"
            query = f"?{request.query_string}" if request.query_string else ""
            return web.Response(status=307, headers={"location": target + query})
    return detail(404, "Not Found")


class Door:
    """What every group of handlers needs: the panel, and who is asking."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.state = panel.state

    def admin(self, request: web.Request) -> Admin:
        """Give the admin whose token the call carries. Raises Refusal (401)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, "Not authenticated", WWW_Authenticate="Bearer")
        admin = admin_of_token(self.panel.state, token, self.panel.clock.now())
        if admin is None:
            raise Refusal(401, "Could not validate credentials", WWW_Authenticate="Bearer")
        return admin

    def sudo(self, request: web.Request) -> Admin:
        """As admin(), and Refusal (403) unless it is a sudo one."""
        admin = self.admin(request)
        if not admin.is_sudo:
            raise Refusal(403, "You're not allowed")
        return admin

    def user(self, request: web.Request, admin: Admin) -> User:
        """Give the user the path names. Raises Refusal: 404, or 403 for another admin's."""
        user = self.panel.state.users.get(request.match_info["username"])
        if user is None:
            raise Refusal(404, "User not found")
        if not admin.is_sudo and user.owner != admin.username:
            raise Refusal(403, "You're not allowed")
        return user

    def seen_by(self, admin: Admin) -> str | None:
        """Give the owner whose users this admin sees; None for a sudo, who sees all."""
        return None if admin.is_sudo else admin.username


async def body_of(request: web.Request) -> Any:
    """Give the JSON body. Raises Refusal (422) under the place where it breaks."""
    try:
        return json.loads(await request.text())
    except json.JSONDecodeError as error:
        raise Refusal(422, {str(error.pos): "JSON decode error"}) from error


def number_of(request: web.Request, name: str) -> int | None:
    """Give a number of the query, None when absent. Raises Refusal (422)."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise Refusal(422, {name: message}) from error
