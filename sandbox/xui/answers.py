"""How the panel's HTTP layer behaves whatever the call: the envelope, its titles, bodies, faults."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.faults import Rule, plain_answer
from sandbox.xui.errors import LOCKED, Denied, Failure

RUSSIAN = {
    "Something went wrong": "Что-то пошло не так",
    "Obtain": "Получить",
    "Error getting traffics.": "Ошибка получения трафика.",
}


def written(data: Any) -> web.Response:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return web.Response(text=text, content_type="application/json", charset="utf-8")


def envelope(*, success: bool, message: str, obj: Any = None) -> web.Response:
    return written({"success": success, "msg": message, "obj": obj})


def failure(problem: Failure, language: str) -> web.Response:
    """Only the title follows the caller's language; the cause stays English."""
    title = RUSSIAN.get(problem.title, problem.title) if language.startswith("ru") else problem.title
    return envelope(success=False, message=f"{title} ({problem.error})")


def denied(problem: Denied) -> web.Response:
    headers = {"Location": problem.location} if problem.location else {}
    return web.Response(status=problem.status, text=problem.body, content_type=problem.kind, headers=headers)


def fault_answer(rule: Rule) -> web.Response:
    """An error without a status is the panel's own: 200, and a busy database or what `description` says.

    With a status it is a recovered crash: an empty body.
    """
    if rule.kind == "error" and rule.body is None:
        if rule.status is None:
            return failure(Failure(rule.description or LOCKED), "en")
        return web.Response(status=rule.status, text=rule.description or "")
    return plain_answer(rule)


async def fields_of(request: web.Request) -> Any:
    """Give the body's fields, of a form or of JSON. Raises Failure for broken JSON."""
    if request.content_type == "application/json":
        text = await request.text()
        return parsed(text) if text.strip() else {}
    return dict(await request.post())


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure("json: unexpected end of JSON input") from error


def whole_number(text: Any) -> int:
    """Read a number of a path, query or form. Raises Failure."""
    try:
        return int(text)
    except (TypeError, ValueError) as error:
        raise Failure(f'strconv.Atoi: parsing "{text}": invalid syntax') from error
