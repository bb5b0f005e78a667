"""Many users: lists, usage, those past their end, and the reset of all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox.marzban.answers import Door, answer, number_of
from sandbox.marzban.errors import Crash, Refusal
from sandbox.marzban.schema import STATUSES, one_of
from sandbox.marzban.state import Admin, User, like
from sandbox.marzban.user_api import UserDoor, usage_range

SORTS = ("username", "used_traffic", "data_limit", "expire", "created_at")
THIRTY_DAYS = 30 * 86_400


class ListDoor(Door):
    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/users", self.page, allow_head=False)
        router.add_post("/api/users/reset", self.reset_all)
        router.add_get("/api/users/usage", self.usage, allow_head=False)
        router.add_get("/api/users/expired", self.expired, allow_head=False)
        router.add_delete("/api/users/expired", self.delete_expired)

    async def page(self, request: web.Request) -> web.Response:
        """Give a page of users. One poisoned row in it fails the whole page."""
        admin = self.admin(request)
        offset, limit = number_of(request, "offset") or 0, number_of(request, "limit")
        order = read_sort(request.query.get("sort"))
        users, total = self.matching(request, admin)
        for name, is_descending in reversed(order):
            users = sorted(users, key=lambda user: sort_key(getattr(user, name)), reverse=is_descending)
        last = offset + limit if limit is not None and limit > 0 else None
        shown = [self.panel.show(user) for user in islice(users, max(offset, 0), last)]
        return answer({"users": shown, "total": total})

    def matching(self, request: web.Request, admin: Admin) -> tuple[Iterable[User], int]:
        """Give the users the query asks for, in the order SQLite happens to give them, and how many."""
        query = request.query
        status = query.get("status")
        if status is not None and status not in STATUSES:
            raise Refusal(422, {"status": one_of(STATUSES)})
        users: Iterable[User] = self.state.users.values()
        if names := query.getall("username", []):
            users = (self.state.users[name] for name in sorted(set(names)) if name in self.state.users)
        owners = [admin.username] if not admin.is_sudo else query.getall("admin", [])
        if not (names or owners or status or query.get("search")):
            return users, len(self.state.users)
        wanted = like(query.get("search", ""))
        found = [
            user
            for user in users
            if (not owners or user.owner in owners)
            and (status is None or user.status == status)
            and (wanted.search(user.username) or wanted.search(user.note or ""))
        ]
        return found, len(found)

    async def reset_all(self, request: web.Request) -> web.Response:
        """Set the counters of all own users to zero (the environment's sudo: of all). Tells no webhook."""
        admin = self.sudo(request)
        for user in self.state.users_of(None if admin is self.state.sudo else admin.username):
            self.panel.clear_usage(user)
            user.earlier_traffic = 0
            if user.status not in ("on_hold", "expired", "disabled"):
                self.panel.set_status(user, "active")
            self.panel.changed(user)
        self.panel.restart_core()
        return answer({"detail": "Users successfully reset."})

    async def usage(self, request: web.Request) -> web.Response:
        admin = self.admin(request)
        start, end = usage_range(request, self.panel.clock.now())
        owners = request.query.getall("admin", []) if admin.is_sudo else [admin.username]
        users = (user for user in self.state.users.values() if not owners or user.owner in owners)
        return answer({"usages": UserDoor(self.panel).usages(users, start, end)})

    async def expired(self, request: web.Request) -> web.Response:
        return answer([user.username for user in self.past_their_end(request)])

    async def delete_expired(self, request: web.Request) -> web.Response:
        admin = self.admin(request)
        users = self.past_their_end(request)
        if not users:
            raise Refusal(404, "No expired users found in the specified date range")
        for user in users:
            self.panel.delete(user, admin if user.owner is not None else None)
        return answer([user.username for user in users])

    def past_their_end(self, request: web.Request) -> list[User]:
        """Find users expired or limited with `expire` in the range, by default the last 30 days."""
        admin = self.admin(request)
        after, before = self.expired_range(request)
        return [
            user
            for user in self.state.users_of(self.seen_by(admin))
            if user.status in ("expired", "limited")
            and user.expire is not None
            and after <= user.expire <= before
        ]

    def expired_range(self, request: web.Request) -> tuple[float, float]:
        """Read the bounds. Raises Crash for a bound without a zone beside a missing or a zoned one."""
        names = ("expired_after", "expired_before")
        given = {name: read_moment(name, request.query[name]) for name in names if name in request.query}
        is_naive = [moment.tzinfo is None for moment in given.values()]
        if len(set(is_naive) | ({False} if len(given) < 2 else set())) > 1:
            raise Crash("naive and aware moments cannot be compared")
        seconds = {
            name: moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() for name, moment in given.items()
        }
        now = self.panel.clock.now()
        return seconds.get("expired_after", now - THIRTY_DAYS), seconds.get("expired_before", now)


def read_moment(name: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(422, {name: "Input should be a valid datetime or date, input is too short"}) from error


def read_sort(text: str | None) -> list[tuple[str, bool]]:
    """Read "-expire,username" as names with whether they descend. Raises Refusal (400)."""
    order = []
    for part in (text or "").split(",") if text else []:
        name = part.removeprefix("-")
        if name not in SORTS:
            raise Refusal(400, f'"{part}" is not a valid sort option')
        order.append((name, part.startswith("-")))
    return order


def sort_key(value: Any) -> tuple[bool, Any]:
    """Nothing comes before anything, as in SQLite."""
    return value is not None, value if value is not None else 0
