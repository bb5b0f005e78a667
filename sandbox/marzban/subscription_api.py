"""The links customers' apps fetch. The token is the secret; there is no other check."""

from __future__ import annotations

import base64
import html
import re

from aiohttp import web

from sandbox.marzban.answers import Door, answer
from sandbox.marzban.errors import Crash, Refusal
from sandbox.marzban.links import links_of
from sandbox.marzban.state import User
from sandbox.marzban.tokens import user_of_subscription
from sandbox.marzban.user_api import UserDoor, usage_range

CLIENT_TYPES = ("sing-box", "clash-meta", "clash", "outline", "v2ray", "v2ray-json")
# Apps that get another format than base64 from the real panel, by how their User-Agent begins.
OTHER_FORMATS = re.compile(
    r"^(clash|stash|mihomo|flclash|sf[aimt]\b|karing|hiddifynext|ss\b|ssr|shadowsocks|outline)", re.IGNORECASE
)
PAGE = "<!doctype html><title>{name}</title><h1>{name}</h1><p>{status}</p><ul>{links}</ul>"
HIDDEN_FIELDS = ("admin", "note", "inbounds", "excluded_inbounds", "auto_delete_in_days")


class SubscriptionDoor(Door):
    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/sub/{token}", self.fetch, allow_head=False)
        router.add_get("/sub/{token}/", self.fetch, allow_head=False)
        router.add_get("/sub/{token}/info", self.info, allow_head=False)
        router.add_get("/sub/{token}/usage", self.usage, allow_head=False)
        router.add_get("/sub/{token}/{client}", self.fetch_for_client, allow_head=False)

    def owner(self, request: web.Request) -> User:
        user = user_of_subscription(self.state, request.match_info["token"])
        if user is None:
            raise Refusal(404, "Not Found")
        return user

    async def fetch(self, request: web.Request) -> web.Response:
        """Give the links whatever the status: only the core refuses. Notes when and by which app."""
        user = self.owner(request)
        if "text/html" in request.headers.get("Accept", ""):
            return self.page(user)
        agent = request.headers.get("User-Agent", "")
        user.sub_updated_at = self.panel.clock.now()
        user.sub_last_user_agent = agent
        self.panel.hub.touch()
        return another_format(agent) if OTHER_FORMATS.match(agent) else self.base64_list(request, user)

    async def fetch_for_client(self, request: web.Request) -> web.Response:
        """Give the format the path names. A name that only begins like a known one crashes the panel."""
        user = self.owner(request)
        client = request.match_info["client"]
        if not client.startswith(CLIENT_TYPES):
            pattern = "|".join(CLIENT_TYPES)
            raise Refusal(422, {"client_type": f"String should match pattern '{pattern}'"})
        if client not in CLIENT_TYPES:
            raise Crash(f"no format for {client}")
        return self.base64_list(request, user) if client == "v2ray" else another_format(client)

    def base64_list(self, request: web.Request, user: User) -> web.Response:
        links = links_of(self.state, user, self.panel.clock.now())
        expire = 0 if user.status == "on_hold" else user.expire or 0
        figures = {
            "upload": 0,
            "download": user.used_traffic,
            "total": user.data_limit or 0,
            "expire": expire,
        }
        headers = {
            "content-disposition": f'attachment; filename="{user.username}"',
            "profile-web-page-url": str(request.url),
            "support-url": "https://t.me/",
            "profile-title": "base64:" + base64.b64encode(b"Subscription").decode(),
            "profile-update-interval": "12",
            "subscription-userinfo": "; ".join(f"{name}={value}" for name, value in figures.items()),
        }
        return web.Response(text=base64.b64encode("\n".join(links).encode()).decode(), headers=headers)

    def page(self, user: User) -> web.Response:
        links = "".join(
            f"<li>{html.escape(link)}</li>" for link in links_of(self.state, user, self.panel.clock.now())
        )
        text = PAGE.format(name=html.escape(user.username), status=user.status, links=links)
        return web.Response(text=text, content_type="text/html")

    async def info(self, request: web.Request) -> web.Response:
        shown = self.panel.show(self.owner(request))
        return answer({name: value for name, value in shown.items() if name not in HIDDEN_FIELDS})

    async def usage(self, request: web.Request) -> web.Response:
        user = self.owner(request)
        start, end = usage_range(request, self.panel.clock.now())
        usages = UserDoor(self.panel).usages([user], start, end)
        return answer({"usages": usages, "username": user.username})


def another_format(name: str) -> web.Response:
    """Say plainly that the stand-in has no Clash, sing-box, Outline or Xray JSON documents."""
    return web.Response(
        status=501, text=f"The sandbox's panel gives base64 lists only, not the one for {name}."
    )
