"""The ways a panel says no."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer other than 200: {"detail": text}, or {"detail": {field: message}} for 422."""

    def __init__(self, status: int, detail: Any, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Crash(Exception):
    """The panel's own failure: 500 with plain text. What was stored before it stays stored."""
