"""Bearer tokens: one from 3.0.0 on, named ones from 3.0.2 on, shown once from 3.2.7 on."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.xui.answers import fields_of, whole_number
from sandbox.xui.errors import Failure, Missing
from sandbox.xui.panel import Door
from sandbox.xui.routes import Reply, Route
from sandbox.xui.state import new_token
from sandbox.xui.versions import DEVELOPMENT, Version

NAMED: Version = (3, 0, 2)
# From here on settings are a part of the API, open to a token's bearer too.
MOVED: Version = (3, 3, 0)
SCOPES = ("admin", "monitor", "node-sync")


class TokensDoor(Door):
    def routes(self) -> list[Route]:
        one = Route("GET", "panel/setting/getApiToken", self.only, (3, 0, 0), NAMED)
        return [one, *self.named("panel/setting", NAMED, MOVED), *self.named("panel/api/setting", MOVED)]

    def named(self, root: str, since: Version, until: Version = (1000,)) -> list[Route]:
        root = f"{root}/apiTokens"
        return [
            Route("GET", root, self.all, since, until),
            Route("POST", f"{root}/create", self.create, since, until),
            Route("POST", f"{root}/delete/{{number}}", self.delete, since, until),
            Route("POST", f"{root}/setEnabled/{{number}}", self.set_enabled, since, until),
        ]

    async def only(self, request: web.Request) -> Reply:
        return Reply(obj=self.state.tokens[0]["token"] if self.state.tokens else "")

    async def all(self, request: web.Request) -> Reply:
        return Reply(obj=[self.show(token) for token in self.state.tokens])

    async def create(self, request: web.Request) -> Reply:
        fields = await fields_of(request)
        scope = str(fields.get("scope") or "admin")
        if not fields.get("name") or scope not in SCOPES:
            raise Failure("a token needs a name and a known scope")
        now = self.panel.clock.now()
        token = new_token(str(fields["name"]), number=self.state.next_id(), now=now, scope=scope)
        token["expiresAt"] = whole_number(fields.get("expiresAt") or 0)
        self.state.tokens = [*self.state.tokens, token]
        self.panel.hub.touch()
        return Reply(obj=self.show(token) | {"token": token["token"]})

    async def delete(self, request: web.Request, number: str) -> Reply:
        token = self.token(number)
        self.state.tokens = [each for each in self.state.tokens if each is not token]
        self.panel.hub.touch()
        return Reply()

    async def set_enabled(self, request: web.Request, number: str) -> Reply:
        token = self.token(number)
        token["enabled"] = (await fields_of(request)).get("enabled") in (True, "true")
        self.panel.hub.touch()
        return Reply()

    def token(self, number: str) -> dict[str, Any]:
        """Raises Missing."""
        wanted = whole_number(number)
        token = next((each for each in self.state.tokens if each["id"] == wanted), None)
        if token is None:
            raise Missing
        return token

    def show(self, token: dict[str, Any]) -> dict[str, Any]:
        shown = {name: token[name] for name in ("id", "name", "enabled", "createdAt")}
        if not self.panel.since(3, 2, 7):
            shown["token"] = token["token"]
        if self.panel.version >= DEVELOPMENT:
            shown |= {"scope": token["scope"], "expiresAt": token["expiresAt"]}
        return shown
