"""Faults on demand between a caller and a stand-in: what a network and a tired service really do."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

KINDS = ("refuse", "error", "html", "hang", "lost", "duplicate", "delay", "rate_limit")
NUMBERS: dict[str, Any] = {"times": int | None, "seconds": int | float | None, "status": int | None}
HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Classify = Callable[[web.Request], str | None]


@dataclass
class Rule:
    """One kind of fault for the calls a glob names; `times` None means until cleared.

    With `after`, `error`, `html`, `rate_limit`, `hang` and `delay` come when the work is done already.
    """

    id: int
    kind: str
    call: str = "*"
    times: int | None = None
    probability: float = 1.0
    seconds: float | None = None
    status: int | None = None
    body: Any = None
    description: str | None = None
    retry_after: float | None = None
    after: bool = False


class Faults:
    """The rules in force and how many faults of each kind they have caused."""

    def __init__(self, seed: int = 0) -> None:
        self._ids = itertools.count(1)
        self.clear()
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start the dice again, so that the same calls meet the same faults."""
        self.seed = seed
        self.dice = random.Random(seed)

    def clear(self) -> None:
        """Forget rules, counters and an outage."""
        self.rules: list[Rule] = []
        self.fired: Counter[str] = Counter()
        self.down = False

    def drop_rules(self) -> None:
        """Forget the rules; what fired stays counted."""
        self.rules = []

    def add(self, wish: dict[str, Any]) -> Rule:
        """Put a rule in force after the older ones; the first that matches and hits is used.

        Raises ValueError if a field is unknown or out of range.
        """
        unknown = set(wish) - (set(Rule.__dataclass_fields__) - {"id"})
        if unknown:
            raise ValueError(f"unknown field {sorted(unknown)[0]!r}")
        if wish.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if not 0 <= wish.get("probability", 1) <= 1:
            raise ValueError("probability must be between 0 and 1")
        if not isinstance(wish.get("after", False), bool):
            raise ValueError("after must be true or false")
        for name, types in NUMBERS.items():
            if not isinstance(wish.get(name), types):
                raise ValueError(f"{name} must be a number")
        rule = Rule(id=next(self._ids), **wish)
        self.rules.append(rule)
        return rule

    def draw(self, call: str) -> Rule | None:
        """Decide whether this call is hit; a hit is counted and used up."""
        if self.down:
            self.fired["outage"] += 1
            return Rule(id=0, kind="refuse")
        for rule in self.rules:
            if rule.times != 0 and fnmatchcase(call, rule.call) and self.dice.random() < rule.probability:
                if rule.times is not None:
                    rule.times -= 1
                self.fired[rule.kind] += 1
                return rule
        return None

    def state(self) -> dict[str, Any]:
        rules = [asdict(rule) for rule in self.rules if rule.times != 0]
        return {"rules": rules, "fired": dict(self.fired), "seed": self.seed, "down": self.down}


class Dropped(web.Response):
    """Stands for no answer at all: the connection is already gone."""


def drop_connection(request: web.Request) -> Dropped:
    if request.transport is not None:
        request.transport.abort()
    return Dropped()


def plain_answer(rule: Rule) -> web.Response:
    """Shape `error` and `rate_limit` for a service that has no body format of its own."""
    if rule.kind == "rate_limit":
        seconds = rule.retry_after or 1
        headers = {"Retry-After": f"{seconds:g}"}
        return web.json_response({"detail": "Too Many Requests"}, status=429, headers=headers)
    if isinstance(rule.body, dict | list):
        return web.json_response(rule.body, status=rule.status or 500)
    text = rule.body or rule.description or "Internal Server Error"
    return web.Response(text=str(text), status=rule.status or 500)


def faults_middleware(
    faults: Faults, classify: Classify, answer: Callable[[Rule], web.Response] = plain_answer
) -> Any:
    """Give the middleware that applies the rules; calls that `classify` names None are left alone.

    `answer` shapes the bodies of `error` and `rate_limit`. Under `duplicate` the handler runs twice on one
    request: one that reads a streamed (multipart) body keeps what it parsed for the second run.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        call = classify(request)
        rule = faults.draw(call) if call is not None else None
        return await handler(request) if rule is None else await commit_fault(rule, request, handler, answer)

    return middleware


async def commit_fault(
    rule: Rule, request: web.Request, handler: Handler, answer: Callable[[Rule], web.Response]
) -> web.StreamResponse:
    if rule.after and rule.kind == "delay":
        done = await handler(request)
        await asyncio.sleep(1 if rule.seconds is None else rule.seconds)
        return done
    if rule.after and rule.kind in ("error", "html", "rate_limit", "hang"):
        await quietly(handler, request)
    match rule.kind:
        case "refuse":
            return drop_connection(request)
        case "hang":
            await asyncio.sleep(60 if rule.seconds is None else rule.seconds)
            return drop_connection(request)
        case "html":
            return web.Response(text=HTML_PAGE, status=rule.status or 502, content_type="text/html")
        case "lost":
            await quietly(handler, request)
            return drop_connection(request)
        case "duplicate":
            await quietly(handler, request)
            return await handler(request)
        case "delay":
            await asyncio.sleep(1 if rule.seconds is None else rule.seconds)
            return await handler(request)
        case _:
            return answer(rule)


async def quietly(handler: Handler, request: web.Request) -> None:
    """Run the handler for its effect; an error answer it raises is nobody's."""
    try:
        await handler(request)
    except web.HTTPException:
        return
