"""The Telegram stand-in alone, in the test's own loop, and what tests ask of it."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from PIL import Image

from sandbox.events import EventHub
from sandbox.telegram import TelegramStandIn

TOKEN = "1000000001:SANDBOX-not-a-real-token-0123456789"
FIXTURES = Path(__file__).parent.parent / "fixtures" / "telegram"
GO = {"inline_keyboard": [[{"text": "Go", "callback_data": "v1:go"}]]}
FAST = 1000


def rows(name: str) -> list[dict[str, Any]]:
    """Read a table of the contract."""
    table: list[dict[str, Any]] = json.loads((FIXTURES / f"{name}.json").read_text())
    return table


def png(width: int = 8, height: int = 8) -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (width, height)).save(picture, "PNG")
    return picture.getvalue()


class Refused(Exception):
    """An answer with `ok: false`."""

    def __init__(self, status: int, body: dict[str, Any], headers: Any) -> None:
        super().__init__(body["description"])
        self.status = status
        self.body = body
        self.headers = headers


class TelegramServer:
    """A running stand-in: `call` is the bot's side, `emu` the pretend customers' side."""

    def __init__(self, stand_in: TelegramStandIn, address: str, http: aiohttp.ClientSession) -> None:
        self.stand_in = stand_in
        self.address = address
        self.http = http

    async def call(self, method: str, **params: Any) -> Any:
        """Call as JSON and give the result. Raises Refused."""
        return (await self.answer(method, json=params))["result"]

    async def answer(self, method: str, token: str = TOKEN, **request: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.address}/bot{token}/{method}", **request) as response:
            body: dict[str, Any] = await response.json()
            if not body["ok"]:
                raise Refused(response.status, body, response.headers)
            return body

    async def upload(self, method: str, field: str, data: bytes, name: str = "qr.png", **params: Any) -> Any:
        """Call with a file as multipart, as PTB does."""
        form = aiohttp.FormData({key: str(value) for key, value in params.items()})
        form.add_field(field, io.BytesIO(data), filename=name, content_type="application/octet-stream")
        return (await self.answer(method, data=form))["result"]

    async def updates(self, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.call("getUpdates", **params)
        return found

    async def emu(self, path: str, **body: Any) -> Any:
        """Post a control call, whatever its status."""
        async with self.http.post(f"{self.address}/_emu/{path}", json=body) as response:
            return await response.json()

    async def look(self, path: str) -> Any:
        async with self.http.get(f"{self.address}/_emu/{path}") as response:
            return await response.json()

    async def say(self, text: str = "/start", user_id: int = 7) -> Any:
        return await self.emu("say", user_id=user_id, first_name="Anna", text=text)

    async def later(self, seconds: float) -> None:
        await self.emu("clock", advance=seconds)

    async def press(self, user_id: int = 7, **wish: Any) -> Any:
        return await self.emu("press", user_id=user_id, **wish)

    async def pressed(self) -> str:
        """Send a menu to user 7, let it be pressed, give the callback's id."""
        await self.call("sendMessage", chat_id=7, text="Menu", reply_markup=GO)
        return str((await self.press(data="v1:go"))["callback_query_id"])


@asynccontextmanager
async def running(state: dict[str, Any] | None = None) -> AsyncIterator[TelegramServer]:
    """Serve a stand-in with rates off, from a snapshot if one is given."""
    stand_in = TelegramStandIn(EventHub(), bot_token=TOKEN, username="sandbox_vpn_bot")
    stand_in.bot.limits.change({"enabled": False})
    if state is not None:
        stand_in.load(state)
    runner = web.AppRunner(stand_in.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await stand_in.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield TelegramServer(stand_in, f"http://127.0.0.1:{runner.addresses[0][1]}", http)
    finally:
        await runner.cleanup()
        await stand_in.stop()
