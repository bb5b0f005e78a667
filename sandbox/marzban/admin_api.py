"""Tokens and admins."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.marzban.answers import Door, answer, body_of, number_of
from sandbox.marzban.errors import Refusal
from sandbox.marzban.state import Admin
from sandbox.marzban.tokens import admin_token

NAMED = "/api/admin/{name:(?!token$)[^/]+}"
FORM = "application/x-www-form-urlencoded"


class AdminDoor(Door):
    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_post("/api/admin/token", self.token)
        router.add_get("/api/admin", self.current, allow_head=False)
        router.add_post("/api/admin", self.create)
        router.add_get("/api/admins", self.page, allow_head=False)
        router.add_put(NAMED, self.modify)
        router.add_delete(NAMED, self.delete)
        router.add_get("/api/admin/usage/{name}", self.usage, allow_head=False)
        router.add_post("/api/admin/{name}/users/disable", self.disable_users)
        router.add_post("/api/admin/{name}/users/activate", self.activate_users)

    async def token(self, request: web.Request) -> web.Response:
        form: dict[str, Any] = dict(await request.post()) if request.content_type == FORM else {}
        problems = {name: "Field required" for name in ("username", "password") if not form.get(name)}
        if form.get("grant_type", "password") != "password":
            problems["grant_type"] = "String should match pattern 'password'"
        if problems:
            raise Refusal(422, problems)
        admin = self.state.find_admin(form["username"])
        if admin is None or admin.password != form["password"]:
            raise Refusal(401, "Incorrect username or password", WWW_Authenticate="Bearer")
        token = admin_token(self.state, admin, self.panel.clock.now())
        return answer({"access_token": token, "token_type": "bearer"})

    async def current(self, request: web.Request) -> web.Response:
        return answer(self.admin(request).as_json())

    async def create(self, request: web.Request) -> web.Response:
        self.sudo(request)
        body = await body_of(request)
        problems = {
            name: "Field required" for name in ("username", "password", "is_sudo") if name not in body
        }
        if problems:
            raise Refusal(422, problems)
        if body["username"] in self.state.admins:
            raise Refusal(409, "Admin already exists")
        admin = Admin(body["username"], body["password"], bool(body["is_sudo"]))
        self.state.admins[admin.username] = admin
        self.panel.hub.touch()
        return answer(admin.as_json())

    async def page(self, request: web.Request) -> web.Response:
        self.sudo(request)
        wanted = request.query.get("username", "").lower()
        found = [admin.as_json() for admin in self.state.admins.values() if wanted in admin.username.lower()]
        offset, limit = number_of(request, "offset") or 0, number_of(request, "limit")
        return answer(found[offset : offset + limit if limit else None])

    async def modify(self, request: web.Request) -> web.Response:
        asking = self.sudo(request)
        admin = self.named(request)
        body = await body_of(request)
        if "is_sudo" not in body:
            raise Refusal(422, {"is_sudo": "Field required"})
        if admin.is_sudo and admin.username != asking.username:
            raise Refusal(
                403, "You're not allowed to edit another sudoer's account. Use marzban-cli instead."
            )
        admin.is_sudo = bool(body["is_sudo"])
        if body.get("password"):
            admin.password = body["password"]
            # Stamps in tokens are whole seconds; the next one is the first a new login may carry.
            admin.password_reset_at = self.panel.clock.now()
        self.panel.hub.touch()
        return answer(admin.as_json())

    async def delete(self, request: web.Request) -> web.Response:
        """Remove an admin; its users stay, owned by nobody."""
        self.sudo(request)
        admin = self.named(request)
        if admin.is_sudo:
            raise Refusal(403, "You're not allowed to delete sudoer's accounts. Use marzban-cli instead.")
        for user in list(self.state.users_of(admin.username)):
            user.owner = None
        del self.state.admins[admin.username]
        self.panel.hub.touch()
        return answer({"detail": "Admin removed successfully"})

    async def usage(self, request: web.Request) -> web.Response:
        self.sudo(request)
        return answer(self.named(request).users_usage)

    async def disable_users(self, request: web.Request) -> web.Response:
        self.sudo(request)
        for user in self.state.users_of(self.named(request).username):
            if user.status in ("active", "on_hold"):
                self.panel.set_status(user, "disabled")
                self.panel.changed(user)
        self.panel.restart_core()
        return answer({"detail": "Users successfully disabled"})

    async def activate_users(self, request: web.Request) -> web.Response:
        self.sudo(request)
        for user in self.state.users_of(self.named(request).username):
            if user.status == "disabled":
                waits = user.expire is None and user.on_hold_expire_duration is not None
                self.panel.set_status(user, "on_hold" if waits and user.online_at is None else "active")
                self.panel.changed(user)
        self.panel.restart_core()
        return answer({"detail": "Users successfully activated"})

    def named(self, request: web.Request) -> Admin:
        admin = self.state.admins.get(request.match_info["name"])
        if admin is None:
            raise Refusal(404, "Admin not found")
        return admin
