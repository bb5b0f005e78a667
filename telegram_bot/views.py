"""The webhook."""

from django.http import HttpRequest, HttpResponse


def webhook(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=404)
