"""A bot's webhook that notes what comes."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web


class Receiver:
    """Answers each delivery with what `answer` gives for its body."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.url = ""
        self.answer: Any = lambda body: web.Response()
        self._news = asyncio.Condition()

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.headers.append(request.headers)
        async with self._news:
            self.bodies.append(body)
            self._news.notify_all()
        response = self.answer(body)
        return await response if asyncio.iscoroutine(response) else response

    async def received(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.bodies) >= count)
            return self.bodies

    async def stays_at(self, count: int) -> bool:
        await asyncio.sleep(0.2)
        return len(self.bodies) == count

    def texts(self) -> list[str]:
        return [body.get("message", {}).get("text", "press") for body in self.bodies]
