"""The panel's routes by method, path below its base path, and the versions that have them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.xui.versions import OLDEST, Version

NEVER: Version = (1000,)


@dataclass(frozen=True)
class Reply:
    """A success: the text above the table in the panel's own page, and what was asked for."""

    message: str = ""
    obj: Any = None


Answering = Callable[..., Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """`path` names its parts in braces, one segment each; `until` is the first version without the route."""

    method: str
    path: str
    handler: Answering
    since: Version = OLDEST
    until: Version = NEVER

    def serves(self, method: str, version: Version) -> bool:
        return self.method == method and self.since <= version < self.until


class Routes:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(pattern(route.path), route) for route in routes]

    def find(self, method: str, path: str, version: Version) -> tuple[Route, dict[str, str]] | None:
        """Give the route and the parts of the path it names; the first that fits."""
        for shape, route in self._routes:
            if route.serves(method, version) and (found := shape.fullmatch(path)):
                return route, found.groupdict()
        return None


def pattern(path: str) -> re.Pattern[str]:
    """A key with a slash in it cannot be addressed: addresses are decoded before routes are looked for."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))
