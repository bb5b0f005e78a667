"""Idempotence keys: the same question is answered the same for a day, another one under its key refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.clock import Clock
from sandbox.yookassa.errors import ApiError, invalid
from sandbox.yookassa.state import Answer, Books, Shop

HEADER = "Idempotence-Key"
KEY_LENGTH = 64
KEPT_SECONDS = 86_400

Work = Callable[[str], Awaitable[dict[str, object]]]


def read_key(request: web.Request) -> str:
    """Give the call's key. Raises ApiError (400)."""
    key = request.headers.get(HEADER, "")
    if not key:
        raise invalid("Idempotence key is missing", HEADER)
    if len(key) > KEY_LENGTH:
        raise invalid(f"Idempotence key is longer than {KEY_LENGTH} characters", HEADER)
    return key


async def answer_once(
    request: web.Request, shop: Shop, books: Books, clock: Clock, work: Work
) -> web.Response:
    """Do the work unless its key was answered before; refusals are remembered too, our own bugs are not.

    Raises ApiError: 400 for another question under the same key, 202 while the first is still at work.
    """
    key = read_key(request)
    digest = hashlib.sha256(request.path.encode() + b"\n" + await request.read()).hexdigest()
    name = f"{shop.shop_id}:{key}"
    forget_old(books, clock.now())
    if (known := books.answers.get(name)) is not None:
        if known.digest != digest:
            raise invalid("Idempotence key duplicated", HEADER)
        if known.body is None:
            raise ApiError(202, "The first request with this key is still at work.")
        return json_answer(known.body, known.status)
    answer = books.answers[name] = Answer(digest, clock.now())
    try:
        status, body = 200, await work(key)
    except ApiError as error:
        status, body = error.status, error.body()
    except BaseException:
        del books.answers[name]
        raise
    answer.status, answer.body = status, json.dumps(body, ensure_ascii=False)
    return json_answer(answer.body, status)


def forget_old(books: Books, now: float) -> None:
    """Drop the keys whose day is over; they stand in the order of their first use."""
    while books.answers:
        oldest = next(iter(books.answers))
        if now - books.answers[oldest].at < KEPT_SECONDS:
            return
        del books.answers[oldest]


def json_answer(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json")
