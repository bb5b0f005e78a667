"""What every stand-in of an outside service offers to the server that runs it."""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web


class StandIn(Protocol):
    """One outside service over HTTP: its own routes at the root, control under /_emu/."""

    name: str

    def app(self) -> web.Application:
        """Give the application, built once: middlewares, service routes, control routes."""
        ...

    def dump(self) -> dict[str, Any]:
        """Give the whole state as plain JSON values, without waiting or side effects.

        They may share live objects: the caller turns them into text at once.
        """
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Replace the state by what dump() gave earlier. Called before start()."""
        ...

    async def start(self) -> None:
        """Start background jobs."""
        ...

    async def stop(self) -> None:
        """Stop background jobs. Safe to repeat."""
        ...


class PanelStandIn(StandIn, Protocol):
    """A panel, as the page shows it: `kind` by which calls are named, `about` what it stands in for."""

    kind: str

    @property
    def about(self) -> str: ...
