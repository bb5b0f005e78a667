"""The door behind a customer's link."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from subscriptions import feeds


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Answer an app that asks for its servers; what is no link of ours gets one and the same answer."""
    document = feeds.find(token)
    if document is None:
        response = HttpResponse(status=404, content_type="text/plain; charset=utf-8")
    else:
        response = HttpResponse(
            document.body, content_type="text/plain; charset=utf-8", headers=document.headers
        )
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response
