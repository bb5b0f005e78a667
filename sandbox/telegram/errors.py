"""Refusals of the Bot API, worded as the official server words them."""

from __future__ import annotations

from typing import Any

PREFIXES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


class ApiError(Exception):
    """A call that is answered with `ok: false`; the HTTP status is the code."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return answer | {"parameters": self.parameters} if self.parameters else answer


def refusal(code: int, message: str, **parameters: Any) -> ApiError:
    """Build an error the way the server does: prefix by code, first letter small unless it is a raw code."""
    if len(message) < 2 or not (message[1].isupper() or message[1] == "_"):
        message = message[:1].lower() + message[1:]
    return ApiError(code, f"{PREFIXES[code]}: {message}", **parameters)


def bad_request(message: str, **parameters: Any) -> ApiError:
    return refusal(400, message, **parameters)


def forbidden(message: str) -> ApiError:
    return refusal(403, message)


def conflict(message: str) -> ApiError:
    return refusal(409, message)


def too_many(seconds: int) -> ApiError:
    """Ask the caller to wait `seconds`; the answer also carries a Retry-After header."""
    return ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
