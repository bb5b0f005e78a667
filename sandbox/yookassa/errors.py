"""Refusals, in the API's shape."""

from __future__ import annotations

import uuid
from typing import Any

CODES = {
    400: "invalid_request",
    401: "invalid_credentials",
    403: "forbidden",
    404: "not_found",
    410: "gone",
    429: "too_many_requests",
    500: "internal_server_error",
}
DESCRIPTIONS = {
    401: "Error in shopId or secret key. Check their validity.",
    403: "The shop is not allowed to do that.",
    404: "The object is not found.",
    410: "The operation is no longer supported.",
    429: "Too many requests. Repeat later.",
    500: "The result is not known. Repeat the request with the same key.",
}


class ApiError(Exception):
    """The API answers with this status instead of an object."""

    def __init__(
        self,
        status: int,
        description: str | None = None,
        parameter: str | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(description or DESCRIPTIONS.get(status, "Error"))
        self.status = status
        self.parameter = parameter
        self.retry_after_ms = retry_after_ms

    def body(self) -> dict[str, Any]:
        described = {"id": str(uuid.uuid4()), "description": str(self)}
        if self.status == 202:
            return {"type": "processing", **described, "retry_after": self.retry_after_ms or 1800}
        code = CODES.get(self.status, "error")
        body: dict[str, Any] = {"type": "error", "id": described["id"], "code": code}
        body["description"] = described["description"]
        if self.parameter is not None:
            body["parameter"] = self.parameter
        if self.retry_after_ms is not None:
            body["retry_after"] = self.retry_after_ms
        return body


def invalid(description: str, parameter: str) -> ApiError:
    return ApiError(400, description, parameter)
