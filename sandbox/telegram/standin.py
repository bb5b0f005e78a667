"""The Bot API over HTTP, as one official server for one bot."""

from __future__ import annotations

import json
import logging
from typing import Any

from aiohttp import web

from sandbox.clock import WakingClock
from sandbox.control import Controls, middlewares, mount_controls
from sandbox.events import EventHub
from sandbox.faults import Rule
from sandbox.telegram.bot import Bot
from sandbox.telegram.control import TelegramControls
from sandbox.telegram.errors import PREFIXES, ApiError, refusal, too_many
from sandbox.telegram.methods import METHODS, NAMES, NOT_IN_REPLIES, receiving
from sandbox.telegram.params import Params, read_params

BODY_LIMIT = 60 * 1024 * 1024
TOKEN_LENGTH = 80

logger = logging.getLogger(__name__)


class TelegramStandIn:
    """Stands for api.telegram.org; `bot_token` is the one token it knows."""

    name = "telegram"

    def __init__(self, hub: EventHub, *, bot_token: str, username: str) -> None:
        clock = WakingClock()
        self.controls = Controls(clock=clock)
        self.bot = Bot(hub, clock, token=bot_token, username=username, on_reply=self._call_on_reply)
        self._hub = hub
        self._app: web.Application | None = None

    def app(self) -> web.Application:
        if self._app is None:
            self._app = self._build()
        return self._app

    def _build(self) -> web.Application:
        app = web.Application(
            middlewares=middlewares(self.controls, classify, shaped), client_max_size=BODY_LIMIT
        )
        mount_controls(app, self.controls, self._hub, reset=self.bot.reset)
        TelegramControls(self.bot).mount(app)
        app.router.add_route("*", "/bot{token}/{method}", self.serve_call)
        app.router.add_get("/file/bot{token}/{path:.+}", self.serve_file)
        return app

    async def start(self) -> None:
        """Go on delivering what a snapshot left in the queue."""
        self.bot.webhook.start_deliveries()

    async def stop(self) -> None:
        await self.bot.webhook.close()

    def dump(self) -> dict[str, Any]:
        return self.bot.dump()

    def load(self, state: dict[str, Any]) -> None:
        self.bot.load(state)

    async def serve_call(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request.match_info["token"])
            return answer(await self._call(request.match_info["method"], await read_params(request)))
        except ApiError as error:
            return error_answer(error)

    async def serve_file(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request.match_info["token"])
        except ApiError as error:
            return error_answer(error)
        data = self.bot.files.bytes_at(request.match_info["path"])
        if data is None:
            return error_answer(ApiError(404, "Not Found"))
        return web.Response(body=data, content_type="application/octet-stream")

    def _check_token(self, token: str) -> None:
        if token.startswith("0") or len(token) > TOKEN_LENGTH or ":" not in token:
            raise refusal(401, "invalid token specified")
        if token != self.bot.token:
            raise ApiError(401, PREFIXES[401])
        if self.bot.clock.now() < self.bot.logged_out_until:
            raise ApiError(400, "Logged out")

    async def _call(self, method: str, params: Params) -> str:
        """Carry out one call and give the written-out body of its answer. Raises ApiError."""
        name = NAMES.get(method.lower())
        match name:
            case None:
                raise refusal(404, "method not found")
            case "getUpdates":
                return f'{{"ok":true,"result":{await receiving.get_updates(self.bot, params)}}}'
            case "setWebhook" | "deleteWebhook":
                act = receiving.set_webhook if name == "setWebhook" else receiving.delete_webhook
                return dumps({"ok": True, "result": True, "description": act(self.bot, params)})
        return dumps({"ok": True, "result": METHODS[name](self.bot, params)})

    async def _call_on_reply(self, body: bytes) -> None:
        """Carry out the call that rides on a webhook's answer; nobody learns what came of it."""
        try:
            fields = json.loads(body)
            method = fields.pop("method") if isinstance(fields, dict) else ""
            name = NAMES.get(str(method).lower(), "")
            if name and not name.startswith("get") and name not in NOT_IN_REPLIES:
                await self._call(name, Params(fields))
        except (ValueError, KeyError, ApiError) as error:
            logger.info("A call on a webhook answer failed: %s", error)


def dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def answer(body: str) -> web.Response:
    return web.Response(text=body, content_type="application/json")


def error_answer(error: ApiError) -> web.Response:
    headers = {"Retry-After": str(error.parameters["retry_after"])} if error.code == 429 else None
    return web.json_response(error.body(), status=error.code, headers=headers)


def shaped(rule: Rule) -> web.Response:
    """Shape a planned fault as the Bot API would."""
    if rule.kind == "rate_limit":
        return error_answer(too_many(max(1, round(rule.retry_after or 1))))
    if isinstance(rule.body, dict | list):
        return web.json_response(rule.body, status=rule.status or 500)
    if rule.body is not None:
        return web.Response(text=str(rule.body), status=rule.status or 500)
    code = rule.status or 500
    return error_answer(ApiError(code, rule.description or PREFIXES.get(code, "Internal Server Error")))


def classify(request: web.Request) -> str | None:
    """Name a call for faults and the log: its method, "download" for files, None for control."""
    path = request.path
    if path.startswith("/bot"):
        method = path.rpartition("/")[2]
        return NAMES.get(method.lower(), method)
    return "download" if path.startswith("/file/") else None
