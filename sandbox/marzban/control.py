"""Control calls only a panel has: what its core lets in, traffic, losses, restores, settings."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import fields
from itertools import islice
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.control import bad_request, json_body
from sandbox.marzban.errors import Refusal
from sandbox.marzban.links import links_of
from sandbox.marzban.panel import Panel
from sandbox.marzban.review import review_if_due
from sandbox.marzban.schema import read_new_user
from sandbox.marzban.seeds import host
from sandbox.marzban.state import CoreKey, Inbound, PanelState, User
from sandbox.marzban.tokens import subscription_token

SETTINGS = ("token_minutes", "utc_offset_seconds", "core_started", "nodes")
STRAIGHT_FIELDS = ("status", "used_traffic", "online_at", "owner", "created_at")


def refused(refusal: Refusal) -> web.HTTPException:
    kinds = {409: web.HTTPConflict, 404: web.HTTPNotFound}
    text = json.dumps({"error": refusal.detail})
    return kinds.get(refusal.status, web.HTTPBadRequest)(text=text, content_type="application/json")


class PanelControl:
    """Handlers. They act on the panel directly, so that faults and outages never touch them."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.forget()

    def forget(self) -> None:
        self.latency_ms = 0.0
        self.saved: str | None = None

    def latency_seconds(self) -> float:
        return self.latency_ms / 1000

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/_emu/users", self.users)
        router.add_post("/_emu/users", self.make_users)
        router.add_post("/_emu/traffic", self.traffic)
        router.add_post("/_emu/connect", self.connect)
        router.add_post("/_emu/lose", self.lose)
        router.add_post("/_emu/snapshot", self.snapshot)
        router.add_post("/_emu/restore", self.restore)
        router.add_post("/_emu/latency", self.latency)
        router.add_post("/_emu/panel", self.configure)

    async def users(self, request: web.Request) -> web.Response:
        """List the rows and whether the core lets each in, then the zombies; ?limit= keeps the newest."""
        review_if_due(self.panel)
        state = self.panel.state
        limit = int(request.query.get("limit", len(state.users)))
        newest = list(islice(reversed(state.users.values()), limit))
        rows = [self.account(user) for user in reversed(newest)]
        return web.json_response(rows + [zombie(name, key) for name, key in state.zombies().items()])

    def account(self, user: User) -> dict[str, Any]:
        state, now = self.panel.state, self.panel.clock.now()
        return {
            "username": user.username,
            "status": user.status,
            "expire": user.expire,
            "data_limit": user.data_limit,
            "used_traffic": user.used_traffic,
            "lifetime_used_traffic": user.earlier_traffic + user.used_traffic,
            "online_at": user.online_at,
            "created_at": user.created_at,
            "note": user.note,
            "admin": user.owner,
            "links": [] if user.is_poisoned else links_of(state, user, now),
            "subscription_url": f"/sub/{subscription_token(state, user, now)}",
            "can_connect": state.core_started and user.key in state.core,
            "poisoned": user.is_poisoned,
            "zombie": False,
        }

    async def make_users(self, request: web.Request) -> web.Response:
        """Make one user or a list straight, as if somebody else had: any status, owner and counters."""
        wish = await json_body(request)
        try:
            made = [self._make(dict(each)) for each in (wish if isinstance(wish, list) else [wish])]
        except Refusal as refusal:
            raise refused(refusal) from refusal
        return web.json_response([self.account(user) for user in made])

    def _make(self, wish: dict[str, Any]) -> User:
        state = self.panel.state
        every_tag = {protocol: state.tags_of(protocol) for protocol in state.protocols()}
        plain = {
            "proxies": {"vless": {"flow": "xtls-rprx-vision"}},
            "inbounds": {"vless": every_tag.get("vless", [])},
        }
        straight = {name: wish.pop(name) for name in STRAIGHT_FIELDS if name in wish}
        owner = state.find_admin(straight.pop("owner", None) or state.sudo.username) or state.sudo
        user = self.panel.create(read_new_user(plain | wish, state), owner)
        for name, value in straight.items():
            setattr(user, name, value)
        self.panel.update_core(user)
        return user

    async def traffic(self, request: web.Request) -> web.Response:
        """Let traffic flow: {"username", "bytes"}. 409 when the core would not let the user in."""
        wish = await json_body(request)
        review_if_due(self.panel)
        try:
            row = self.panel.flow(str(wish["username"]), int(wish["bytes"]))
        except Refusal as refusal:
            raise refused(refusal) from refusal
        except (KeyError, TypeError, ValueError) as error:
            raise bad_request('give {"username": name, "bytes": number}') from error
        booked = {"username": row.username, "used_traffic": row.used_traffic} if row is not None else None
        return web.json_response({"booked_to": booked})

    async def connect(self, request: web.Request) -> web.Response:
        """Say whether the core lets in who comes with {"link": a vless, vmess or trojan link}."""
        link = str((await json_body(request)).get("link", ""))
        review_if_due(self.panel)
        secret = secret_of(link)
        for key in self.panel.state.core.values():
            known = {value for settings in key.proxies.values() for value in settings.values()}
            if secret and secret in known and self.panel.state.core_started:
                return web.json_response({"connects": True, "username": key.username})
        return web.json_response({"connects": False, "username": None})

    async def lose(self, request: web.Request) -> web.Response:
        """Let the panel forget {"username"}; with "keep_key": true its core goes on letting it in."""
        wish = await json_body(request)
        user = self.panel.state.users.get(str(wish.get("username")))
        if user is None:
            raise refused(Refusal(404, "User not found"))
        key = self.panel.state.core.get(user.key)
        self.panel.delete(user, by=None)
        if wish.get("keep_key") and key is not None:
            self.panel.state.core[user.key] = key
        return web.json_response({"lost": user.username})

    async def snapshot(self, request: web.Request) -> web.Response:
        """Remember the panel as it is now, for restore."""
        self.saved = json.dumps(self.panel.state.dump())
        return web.json_response({"users": len(self.panel.state.users)})

    async def restore(self, request: web.Request) -> web.Response:
        """Put the remembered panel back, as a restored backup would: rows go back, the core starts anew."""
        if self.saved is None:
            raise bad_request("there is no snapshot: POST /_emu/snapshot first")
        self.panel.state.load(json.loads(self.saved))
        self.panel.restart_core()
        self.panel.hub.publish("marzban.restored", panel=self.panel.name)
        return web.json_response({"users": len(self.panel.state.users)})

    async def latency(self, request: web.Request) -> web.Response:
        """Answer every call of the panel {"ms"} milliseconds later."""
        self.latency_ms = float((await json_body(request)).get("ms", 0))
        return web.json_response({"ms": self.latency_ms})

    async def configure(self, request: web.Request) -> web.Response:
        """Change what the panel's owner would: settings, "inbounds" (with hosts), "sudo", "webhook"."""
        wish = await json_body(request)
        unknown = set(wish) - {*SETTINGS, "inbounds", "hosts", "sudo", "webhook"}
        if unknown:
            raise bad_request(f"unknown field {sorted(unknown)[0]!r}")
        state = self.panel.state
        for name in SETTINGS:
            if name in wish:
                setattr(state, name, wish[name])
        if "inbounds" in wish:
            replace_inbounds(state, wish["inbounds"], wish.get("hosts", {}))
        if "sudo" in wish:
            state.sudo.username, state.sudo.password = wish["sudo"]["username"], wish["sudo"]["password"]
        self.panel.webhooks.configure(wish.get("webhook", {}))
        self.panel.hub.touch()
        return web.json_response({name: getattr(state, name) for name in SETTINGS})


def replace_inbounds(state: PanelState, wishes: list[dict[str, Any]], hosts: dict[str, Any]) -> None:
    known = {field.name for field in fields(Inbound)}
    made = [Inbound(**{name: value for name, value in wish.items() if name in known}) for wish in wishes]
    state.inbounds = {inbound.tag: inbound for inbound in made}
    default = [host("{USERNAME} [{PROTOCOL} - {TRANSPORT}]", "{SERVER_IP}")]
    state.hosts = {tag: [host(**each) for each in hosts.get(tag, default)] for tag in state.inbounds}


def zombie(name: str, key: CoreKey) -> dict[str, Any]:
    """Show a key without a row the way rows are shown."""
    empty = dict.fromkeys(
        ("expire", "data_limit", "used_traffic", "lifetime_used_traffic", "online_at", "admin")
    )
    shown = {"username": key.username, "key": name, "status": "zombie", "links": [], "can_connect": True}
    return empty | shown | {"created_at": None, "note": None, "poisoned": False, "zombie": True}


def secret_of(link: str) -> str:
    """Give what a link identifies its holder by."""
    scheme, _, rest = link.partition("://")
    holder = unquote(rest.partition("@")[0])
    try:
        if scheme == "vmess":
            return str(json.loads(base64.b64decode(rest))["id"])
        return base64.b64decode(holder).decode().partition(":")[2] if scheme == "ss" else holder
    except (binascii.Error, ValueError, KeyError, TypeError):
        return ""
