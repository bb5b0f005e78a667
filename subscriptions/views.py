"""The door behind a customer's link."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from subscriptions import feeds, pages


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Answer an app that asks for its servers, or a browser that asks for the customer's page.

    What is no link of ours gets one and the same answer.
    """
    if pages.is_wanted(request):
        return pages.show(request, token)
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


@require_safe
def open_app(request: HttpRequest, code: str, token: str) -> HttpResponse:
    """Show the page that hands a customer's link to an app: Telegram's buttons open web addresses only."""
    return pages.render_import(request, code, token)
