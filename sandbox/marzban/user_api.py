"""One user: create, read, change, reset, revoke, delete, hand over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from sandbox.marzban.answers import Door, answer, body_of
from sandbox.marzban.errors import Refusal
from sandbox.marzban.panel import naive
from sandbox.marzban.schema import read_changes, read_new_user
from sandbox.marzban.state import User

DEFAULT_USAGE_DAYS = 30


class UserDoor(Door):
    def add_to(self, router: web.UrlDispatcher) -> None:
        one = "/api/user/{username}"
        router.add_post("/api/user", self.create)
        router.add_get(one, self.get, allow_head=False)
        router.add_put(one, self.modify)
        router.add_delete(one, self.delete)
        router.add_post(one + "/reset", self.reset)
        router.add_post(one + "/revoke_sub", self.revoke)
        router.add_put(one + "/set-owner", self.set_owner)
        router.add_get(one + "/usage", self.usage, allow_head=False)

    def shown(self, user: User) -> web.Response:
        return answer(self.panel.show(user))

    async def create(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        admin = self.admin(request)
        return self.shown(self.panel.create(read_new_user(body, self.state), admin))

    async def get(self, request: web.Request) -> web.Response:
        return self.shown(self.user(request, self.admin(request)))

    async def modify(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        admin = self.admin(request)
        user = self.user(request, admin)
        return self.shown(self.panel.modify(user, read_changes(body, self.state), admin))

    async def delete(self, request: web.Request) -> web.Response:
        admin = self.admin(request)
        self.panel.delete(self.user(request, admin), admin)
        return answer({"detail": "User successfully deleted"})

    async def reset(self, request: web.Request) -> web.Response:
        admin = self.admin(request)
        return self.shown(self.panel.reset_usage(self.user(request, admin), admin))

    async def revoke(self, request: web.Request) -> web.Response:
        admin = self.admin(request)
        return self.shown(self.panel.revoke(self.user(request, admin), admin))

    async def set_owner(self, request: web.Request) -> web.Response:
        user = self.user(request, self.sudo(request))
        owner = self.state.admins.get(request.query.get("admin_username", ""))
        if owner is None:
            raise Refusal(404, "Admin not found")
        return self.shown(self.panel.set_owner(user, owner))

    async def usage(self, request: web.Request) -> web.Response:
        user = self.user(request, self.admin(request))
        start, end = usage_range(request, self.panel.clock.now())
        return answer({"username": user.username, "usages": self.usages([user], start, end)})

    def usages(self, users: Any, start: str, end: str) -> list[dict[str, Any]]:
        """Give the traffic by node; all of it passes the panel's own machine here."""
        used = sum(size for user in users for hour, size in user.hourly.items() if start <= hour <= end)
        master = {"node_id": None, "node_name": "Master", "used_traffic": used}
        nodes = [
            {"node_id": node["id"], "node_name": node["name"], "used_traffic": 0} for node in self.state.nodes
        ]
        return [master, *nodes]


def usage_range(request: web.Request, now: float) -> tuple[str, str]:
    """Give the asked range as naive ISO text, by default the last 30 days. Raises Refusal (400)."""
    try:
        given = {name: as_naive(request.query[name]) for name in ("start", "end") if request.query.get(name)}
    except ValueError as error:
        raise Refusal(400, "Invalid date range or format") from error
    start = given.get("start", now - timedelta(days=DEFAULT_USAGE_DAYS).total_seconds())
    end = given.get("end", now)
    if start > end:
        raise Refusal(400, "Start date must be before end date")
    return naive(start // 3600 * 3600) or "", naive(end) or ""


def as_naive(text: str) -> float:
    """Read an ISO date-time as UTC. Raises ValueError for anything else, an epoch number included."""
    if text.isdigit():
        raise ValueError("not an ISO date")
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
