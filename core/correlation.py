"""One id follows a piece of work through web, bot and worker, so that its log lines can be found together."""

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = "X-Request-ID"


def begin(correlation_id: str = "") -> str:
    """Start a piece of work in this thread or task, and return its id."""
    clear_contextvars()
    correlation_id = correlation_id or uuid.uuid4().hex[:16]
    bind_contextvars(correlation_id=correlation_id)
    return correlation_id


class CorrelationMiddleware:
    """Give each request an id, taken from X-Request-ID where the proxy sends a usable one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        correlation_id = begin(given if given.isalnum() and len(given) <= 64 else "")
        response = self.get_response(request)
        response[HEADER] = correlation_id
        return response
