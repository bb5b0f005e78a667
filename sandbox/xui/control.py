"""Control calls only a panel has: what its core lets in, traffic, losses, restores, strangers, settings."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import fields
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.control import bad_request, json_body
from sandbox.xui.accounts import account, accounts
from sandbox.xui.errors import Failure
from sandbox.xui.gate import Gate
from sandbox.xui.links import entries, in_front
from sandbox.xui.page import clients_page
from sandbox.xui.panel import VISION, XuiPanel
from sandbox.xui.poll import poll, poll_if_due
from sandbox.xui.records import KEYS, Records, fresh_key, records_from_settings
from sandbox.xui.state import Client, Inbound, new_token
from sandbox.xui.versions import CLIENTS, read_version

SETTINGS = (
    *("version", "base_path", "web_domain", "public_host", "username", "password", "totp_secret"),
    *("session_minutes", "write_ms", "poll_seconds", "core_started", "node_offline"),
)
MOST_STRANGERS = 100_000
# Of clients made in one go, the newest so many are shown in the answer.
SHOWN = 100


class PanelControl:
    """Handlers. They act on the panel directly, so that faults and outages never touch them."""

    def __init__(self, panel: XuiPanel, records: Records, gate: Gate) -> None:
        self.panel = panel
        self.records = records
        self.gate = gate
        self.forget()

    def forget(self) -> None:
        self.latency_ms = 0.0
        self.saved: str | None = None

    def latency_seconds(self) -> float:
        return self.latency_ms / 1000

    def page(self) -> web.Response:
        poll_if_due(self.panel)
        return clients_page(self.panel)

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/_emu/users", self.users)
        router.add_post("/_emu/users", self.make_users)
        router.add_post("/_emu/strangers", self.strangers)
        router.add_post("/_emu/traffic", self.traffic)
        router.add_post("/_emu/poll", self.poll)
        router.add_post("/_emu/connect", self.connect)
        router.add_post("/_emu/lose", self.lose)
        router.add_post("/_emu/snapshot", self.snapshot)
        router.add_post("/_emu/restore", self.restore)
        router.add_post("/_emu/latency", self.latency)
        router.add_post("/_emu/logout", self.logout)
        router.add_get("/_emu/panel", self.settings)
        router.add_post("/_emu/panel", self.configure)

    async def users(self, request: web.Request) -> web.Response:
        """List the clients by email and whether the core lets each in; ?limit= keeps the newest."""
        poll_if_due(self.panel)
        limit = request.query.get("limit")
        return web.json_response(accounts(self.panel, newest=int(limit) if limit else None))

    async def make_users(self, request: web.Request) -> web.Response:
        """Make one client or a list straight, as if somebody else had. Fields as the panel's, and "inbounds".

        "username" stands for "email"; "used_traffic" in bytes; what a core needs and is not given is made up.
        """
        wish = await json_body(request)
        wishes = [dict(each) for each in (wish if isinstance(wish, list) else [wish])]
        try:
            made = self.make(wishes)
        except (Failure, ValueError, TypeError) as error:
            raise bad_request(str(error)) from error
        shown = [account(self.panel, email, self.panel.state.places_of(email)) for email in made[-SHOWN:]]
        return web.json_response(shown)

    def make(self, wishes: list[Client]) -> list[str]:
        """Make the clients, thousands in one go; return their names. Raises ValueError for a taken name."""
        taken = {str(client.get("email", "")).lower() for _, client in self.panel.state.placed()}
        used: dict[str, int] = {}
        try:
            for wish in wishes:
                email, size = self.store_wish(wish, taken)
                used[email] = size
        finally:
            self.sync_records()
        for email, size in used.items():
            row = self.panel.state.rows[email]
            row.down = row.all_time = size
        return [*used]

    def store_wish(self, wish: Client, taken: set[str]) -> tuple[str, int]:
        """Add one client to its inbounds; return its name and the bytes it has used."""
        numbers = wish.pop("inbounds", [next(iter(self.panel.state.inbounds))])
        size = int(wish.pop("used_traffic", 0))
        wish["email"] = email = str(wish.pop("username", "") or wish.get("email") or secrets.token_hex(4))
        if email.lower() in taken:
            raise ValueError(f"{email} is there already")
        taken.add(email.lower())
        keys = fresh_keys()
        for inbound in [self.panel.inbound(int(number)) for number in numbers]:
            self.store(inbound, [stranger(inbound, keys | wish)])
        return email, size

    def store(self, inbound: Inbound, clients: list[Client]) -> None:
        """Add clients to an inbound in one go: rows, and keys in the core."""
        made = [self.panel.stamped(client) for client in clients]
        inbound.clients = [*inbound.clients, *made]
        for client in made:
            self.panel.count(inbound, client)
            self.panel.let_in(inbound, client)

    def sync_records(self) -> None:
        if self.panel.since(*CLIENTS):
            records_from_settings(self.panel)

    async def strangers(self, request: web.Request) -> web.Response:
        """Make {"count"} clients of somebody else's shop at once: {"inbound", "prefix"} are optional."""
        wish = await json_body(request)
        count = int(wish.get("count", 100))
        if not 0 < count <= MOST_STRANGERS:
            raise bad_request(f"count must be between 1 and {MOST_STRANGERS}")
        try:
            inbound = self.panel.inbound(int(wish.get("inbound", next(iter(self.panel.state.inbounds)))))
        except Failure as failure:
            raise bad_request("no such inbound") from failure
        prefix, start = str(wish.get("prefix", "stranger")), len(inbound.clients)
        names = [f"{prefix}-{start + n}" for n in range(count)]
        self.store(inbound, [stranger(inbound, fresh_keys() | {"email": name}) for name in names])
        self.sync_records()
        self.panel.hub.publish("xui.restored", panel=self.panel.name)
        return web.json_response({"made": count, "inbound": inbound.id})

    async def traffic(self, request: web.Request) -> web.Response:
        """Let traffic flow: {"username", "bytes"}. 409 when the core would not let the client in.

        The panel counts it at once; with "later": true at its next poll, as real time would have it.
        """
        wish = await json_body(request)
        poll_if_due(self.panel)
        try:
            email, size = str(wish["username"]), int(wish["bytes"])
        except (KeyError, TypeError, ValueError) as error:
            raise bad_request('give {"username": name, "bytes": number}') from error
        if not self.panel.lets_in(email):
            text = json.dumps({"error": f"The core does not let {email} in."})
            raise web.HTTPConflict(text=text, content_type="application/json")
        waiting = self.panel.state.waiting
        waiting[email] = waiting.get(email, 0) + size
        if not wish.get("later"):
            poll(self.panel)
        row = self.panel.state.rows.get(email)
        booked = {"username": email, "used_traffic": row.used} if row is not None else None
        return web.json_response({"booked_to": booked})

    async def poll(self, request: web.Request) -> web.Response:
        """Let the panel's poll happen now."""
        poll(self.panel)
        return web.json_response({"polled": True})

    async def connect(self, request: web.Request) -> web.Response:
        """Say whether the core lets in who comes with {"link": a vless, vmess, trojan or ss link}."""
        link = str((await json_body(request)).get("link", ""))
        poll_if_due(self.panel)
        secret, port = secret_of(link)
        for inbound in self.panel.state.inbounds.values():
            places = entries(self.panel, in_front(self.panel, inbound), "")
            ports = {None, inbound.port, *(entry.port for entry in places)}
            if self.panel.state.core_started and port in ports:
                for email, known in self.panel.state.core.get(inbound.id, {}).items():
                    if secret and secret == known:
                        return web.json_response({"connects": True, "username": email})
        return web.json_response({"connects": False, "username": None})

    async def lose(self, request: web.Request) -> web.Response:
        """Let the panel forget {"username"}; with "keep_key": true its core goes on letting it in.

        With "keep_row": true the row of counters stays, as after two writers who met.
        """
        wish = await json_body(request)
        email, state = str(wish.get("username")), self.panel.state
        places = state.places_of(email)
        if not places and email not in state.records:
            text = json.dumps({"error": "no such client"})
            raise web.HTTPNotFound(text=text, content_type="application/json")
        for inbound, client in places:
            inbound.clients = [each for each in inbound.clients if each is not client]
            if not wish.get("keep_key"):
                state.core.get(inbound.id, {}).pop(email, None)
        state.records.pop(email, None)
        if not wish.get("keep_row"):
            state.rows.pop(email, None)
        self.panel.changed(email)
        return web.json_response({"lost": email})

    async def snapshot(self, request: web.Request) -> web.Response:
        """Remember the panel as it is now, for restore."""
        self.saved = json.dumps(self.panel.state.dump())
        return web.json_response({"users": len(self.panel.state.rows)})

    async def restore(self, request: web.Request) -> web.Response:
        """Put the remembered panel back, as a restored back-up would: rows go back, the core starts anew."""
        if self.saved is None:
            raise bad_request("there is no snapshot: POST /_emu/snapshot first")
        self.panel.state.load(json.loads(self.saved))
        self.panel.restart_core()
        self.panel.hub.publish("xui.restored", panel=self.panel.name)
        return web.json_response({"users": len(self.panel.state.rows)})

    async def latency(self, request: web.Request) -> web.Response:
        """Answer every call of the panel {"ms"} milliseconds later."""
        self.latency_ms = float((await json_body(request)).get("ms", 0))
        return web.json_response({"ms": self.latency_ms})

    async def logout(self, request: web.Request) -> web.Response:
        """End every session and forget failed logins, as a restart of some versions does."""
        self.gate.forget()
        return web.json_response({"logged_out": True})

    async def settings(self, request: web.Request) -> web.Response:
        return web.json_response(self.shown_settings())

    def shown_settings(self) -> dict[str, Any]:
        state = self.panel.state
        shown = {name: getattr(state, name) for name in SETTINGS}
        rows = [
            {"id": row.id, "tag": row.tag, "protocol": row.protocol, "port": row.port, "enable": row.enable}
            for row in state.inbounds.values()
        ]
        counts = {"restarts": state.restarts, "overwritten": state.overwritten}
        return shown | counts | {"inbounds": rows, "token": state.tokens[0]["token"]}

    async def configure(self, request: web.Request) -> web.Response:
        """Change what the panel's owner would: the settings, "inbounds" and "token" (of the first one)."""
        wish = await json_body(request)
        unknown = set(wish) - {*SETTINGS, "inbounds", "token"}
        if unknown:
            raise bad_request(f"unknown field {sorted(unknown)[0]!r}")
        try:
            self.set_all(wish)
        except (ValueError, TypeError, KeyError) as error:
            raise bad_request(str(error)) from error
        self.panel.hub.touch()
        return web.json_response(self.shown_settings())

    def set_all(self, wish: dict[str, Any]) -> None:
        state = self.panel.state
        if "version" in wish:
            read_version(wish["version"])
        named_before = (state.username, state.password)
        for name in SETTINGS:
            if name in wish:
                setattr(state, name, wish[name])
        state.base_path = f"/{state.base_path.strip('/')}/" if state.base_path.strip("/") else "/"
        if "inbounds" in wish:
            known = {field.name for field in fields(Inbound)}
            made = [Inbound(**{k: v for k, v in each.items() if k in known}) for each in wish["inbounds"]]
            state.inbounds = {inbound.id: inbound for inbound in made}
        if "token" in wish:
            state.tokens = [new_token("sandbox", wish["token"])]
        if (state.username, state.password) != named_before and self.panel.since(3, 0, 2):
            self.gate.forget()
        if "version" in wish:
            self.change_dialect()
        if "node_offline" in wish and not state.node_offline:
            self.panel.restart_core()

    def change_dialect(self) -> None:
        """Make records of the clients, or forget the records, as the new version needs."""
        if self.panel.since(*CLIENTS):
            records_from_settings(self.panel)
        else:
            self.panel.state.records = {}


def fresh_keys() -> Client:
    return {name: fresh_key(name) for name in KEYS} | {"subId": secrets.token_hex(8)}


def stranger(inbound: Inbound, wish: Client) -> Client:
    """Give a client as the panel's own page would store it here: with one key, and all else filled in."""
    plain: Client = {"email": "", "limitIp": 0, "totalGB": 0, "expiryTime": 0, "enable": True, "tgId": 0}
    plain |= {"comment": "", "reset": 0}
    if inbound.protocol == "vless":
        plain["flow"] = VISION if inbound.takes_flow else ""
    if inbound.client_cipher:
        plain["method"] = inbound.client_cipher
    others = set(KEYS) - {inbound.secret_field}
    return plain | {name: value for name, value in wish.items() if name not in others}


def secret_of(link: str) -> tuple[str, int | None]:
    """Give what a link identifies its holder by, and its port. Garbage has neither."""
    scheme, _, rest = link.partition("://")
    holder, _, place = rest.partition("@")
    try:
        if scheme == "vmess":
            fields = json.loads(base64.b64decode(rest))
            return str(fields["id"]), int(fields["port"])
        port = int(place.partition("?")[0].partition("#")[0].rpartition(":")[2])
        if scheme == "ss" and ":" in holder:
            return unquote(holder.rpartition(":")[2]), port
        if scheme == "ss":
            padded = holder + "=" * (-len(holder) % 4)
            return base64.urlsafe_b64decode(padded).decode().rpartition(":")[2], port
        return unquote(holder), port
    except (binascii.Error, ValueError, KeyError, TypeError):
        return "", None
