"""The control calls every stand-in has under /_emu/, and the log of calls it received."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from sandbox.clock import Clock
from sandbox.events import EventHub
from sandbox.faults import Classify, Dropped, Faults, Handler, Rule, faults_middleware, plain_answer

HEARTBEAT_SECONDS = 15
CALLS_KEPT = 5000
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PARAMETERS = web.RequestKey("parameters", dict[str, Any])
SECRET_FIELDS = {"password", "access_token", "secret_token", "token"}


@dataclass(slots=True)
class Call:
    """One call as it came; its body is read apart only when somebody asks for the log."""

    name: str
    query: dict[str, str]
    body: bytes | dict[str, Any]
    at: float
    headers: dict[str, str]
    status: int | None = None

    def parameters(self) -> dict[str, Any]:
        return {name: hide(name, value) for name, value in (self.query | self.body_fields()).items()}

    def shown(self) -> dict[str, Any]:
        shown = {"call": self.name, "parameters": self.parameters(), "status": self.status, "at": self.at}
        return shown | ({"headers": self.headers} if self.headers else {})

    def body_fields(self) -> dict[str, Any]:
        if isinstance(self.body, dict):
            return self.body
        text = self.body.decode("utf-8", "replace")
        try:
            fields = json.loads(text)
        except ValueError:
            return dict(parse_qsl(text))
        return fields if isinstance(fields, dict) else {"body": fields}


def hide(name: str, value: Any) -> Any:
    if name in SECRET_FIELDS:
        return "***"
    if isinstance(value, dict):
        return {key: hide(key, inner) for key, inner in value.items()}
    return value


@dataclass
class Controls:
    """What the control calls act on; one per stand-in."""

    faults: Faults = field(default_factory=Faults)
    clock: Clock = field(default_factory=Clock)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))

    def reset(self) -> None:
        self.faults.clear()
        self.clock.apply({"real": True})
        self.calls.clear()


def middlewares(
    controls: Controls,
    classify: Classify,
    answer: Callable[[Rule], web.Response] = plain_answer,
    logged_headers: tuple[str, ...] = (),
) -> list[Any]:
    """Give a stand-in's middlewares in order: cross-origin headers, call log, faults."""
    return [
        cors_middleware,
        call_log_middleware(controls.calls, classify, logged_headers),
        faults_middleware(controls.faults, classify, answer),
    ]


def call_log_middleware(calls: deque[Call], classify: Classify, logged_headers: tuple[str, ...]) -> Any:
    """Give the middleware that logs calls. For multipart bodies the handler sets request[PARAMETERS]."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = classify(request)
        if name is None:
            return await handler(request)
        streamed = request.content_type.startswith("multipart/")
        body = b"" if streamed or not request.can_read_body else await request.read()
        headers = {header: request.headers[header] for header in logged_headers if header in request.headers}
        call = Call(name, dict(request.query), body, time.time(), headers)
        calls.append(call)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            call.status = error.status
            raise
        finally:
            if PARAMETERS in request:
                call.body = request[PARAMETERS]
        call.status = None if isinstance(response, Dropped) else response.status
        return response

    return middleware


def cors_headers(request: web.Request) -> dict[str, str]:
    """Let a page on another port of the same machine use the control calls, and nobody else's page."""
    origin = request.headers.get("Origin", "")
    host = urlsplit(origin).hostname
    own = urlsplit(f"//{request.host}").hostname
    if host is None or not (host == own or {host, own} <= LOOPBACK):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "Content-Type",
        "Vary": "Origin",
    }


@web.middleware
async def cors_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not request.path.startswith("/_emu/"):
        return await handler(request)
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=cors_headers(request))
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(cors_headers(request))
        raise
    if not response.prepared:
        response.headers.update(cors_headers(request))
    return response


async def json_body(request: web.Request) -> Any:
    """Give a control call's JSON body, {} when there is none; broken JSON is a 400."""
    text = await request.text()
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise bad_request(f"not JSON: {error}") from error


def bad_request(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": reason}), content_type="application/json")


class ControlRoutes:
    """Handlers of the shared control calls."""

    def __init__(self, controls: Controls, reset: Callable[[], Awaitable[None] | None]) -> None:
        self.controls = controls
        self.reset_stand_in = reset

    async def fail(self, request: web.Request) -> web.Response:
        wish = await json_body(request)
        try:
            rules = [self.controls.faults.add(each) for each in (wish if isinstance(wish, list) else [wish])]
        except (ValueError, TypeError, AttributeError) as error:
            raise bad_request(str(error)) from error
        return web.json_response({"id": rules[0].id if rules else None, "ids": [rule.id for rule in rules]})

    async def clear_faults(self, request: web.Request) -> web.Response:
        self.controls.faults.drop_rules()
        return web.json_response(self.controls.faults.state())

    async def faults(self, request: web.Request) -> web.Response:
        return web.json_response(self.controls.faults.state())

    async def seed(self, request: web.Request) -> web.Response:
        self.controls.faults.reseed(int((await json_body(request))["seed"]))
        return web.json_response({"seed": self.controls.faults.seed})

    async def outage(self, request: web.Request) -> web.Response:
        self.controls.faults.down = bool((await json_body(request)).get("down", True))
        return web.json_response({"down": self.controls.faults.down})

    async def reset(self, request: web.Request) -> web.Response:
        self.controls.reset()
        waiting = self.reset_stand_in()
        if waiting is not None:
            await waiting
        return web.json_response({"reset": True})

    async def calls(self, request: web.Request) -> web.Response:
        wanted, limit = request.query.get("call", "*"), int(request.query.get("limit", "200"))
        found = [call for call in reversed(self.controls.calls) if fnmatchcase(call.name, wanted)][:limit]
        return web.json_response([call.shown() for call in reversed(found)])

    async def forget_calls(self, request: web.Request) -> web.Response:
        self.controls.calls.clear()
        return web.json_response([])

    async def clock(self, request: web.Request) -> web.Response:
        return web.json_response(self.controls.clock.state())

    async def set_clock(self, request: web.Request) -> web.Response:
        try:
            self.controls.clock.apply(await json_body(request))
        except ValueError as error:
            raise bad_request(str(error)) from error
        return web.json_response(self.controls.clock.state())


async def preflight(request: web.Request) -> web.Response:
    return web.Response(status=204, headers=cors_headers(request))


def mount_controls(
    app: web.Application, controls: Controls, hub: EventHub, *, reset: Callable[[], Awaitable[None] | None]
) -> None:
    """Add the control calls of the sandbox to a stand-in; `reset` empties the stand-in's own state."""
    routes = ControlRoutes(controls, reset)
    app.router.add_post("/_emu/fail", routes.fail)
    app.router.add_delete("/_emu/fail", routes.clear_faults)
    app.router.add_get("/_emu/faults", routes.faults)
    app.router.add_post("/_emu/seed", routes.seed)
    app.router.add_post("/_emu/outage", routes.outage)
    app.router.add_post("/_emu/reset", routes.reset)
    app.router.add_get("/_emu/calls", routes.calls)
    app.router.add_delete("/_emu/calls", routes.forget_calls)
    app.router.add_get("/_emu/clock", routes.clock)
    app.router.add_post("/_emu/clock", routes.set_clock)
    app.router.add_get("/_emu/events", event_stream(hub))
    app.router.add_route("OPTIONS", "/_emu/{call:.*}", preflight)


def event_stream(hub: EventHub) -> Handler:
    """Give a handler that streams the hub's events as server-sent events until the reader leaves."""

    async def stream(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", **cors_headers(request)}
        response = web.StreamResponse(headers=headers)
        with hub.subscribe() as events:
            await response.prepare(request)
            await response.write(b": open\n\n")
            try:
                while (line := await next_line(aiter(events))) is not None:
                    await response.write(line)
            except ConnectionError:
                return response
        return response

    return stream


async def next_line(events: Any) -> bytes | None:
    """Give the next event as a line of the stream, a heartbeat when it is quiet, None at the end."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            event = await anext(events)
    except TimeoutError:
        return b": still here\n\n"
    except StopAsyncIteration:
        return None
    return b"data: " + json.dumps(event).encode() + b"\n\n"
