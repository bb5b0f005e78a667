"""The subscription link."""

from django.http import HttpRequest, HttpResponse


def feed(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse(status=404)
