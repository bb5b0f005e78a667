"""The doors behind a customer's link."""

from ipaddress import IPv6Address, ip_network

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from core import clock
from core.addresses import client_address
from core.rates import Rate
from subscriptions import feeds, pages, status
from subscriptions.feeds import Found
from subscriptions.services.devices import Refusal, admit
from subscriptions.services.sightings import note_fetch
from subscriptions.status import State

# Many customers share one address at their provider's, so it counts only what is no link of ours.
UNKNOWN_PER_MINUTE = 60
NEUTRAL = "There is nothing here. Your link is in the bot.\nЗдесь ничего нет. Ваша ссылка — в боте.\n"

rate = Rate("feed")


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Answer an app that asks for its servers, or a browser that asks for the customer's page.

    What is wanted may be named behind the token: `/s/<token>/sing-box`. What is no link of ours gets one and
    the same answer.
    """
    token, _, suffix = token.partition("/")
    wanted = feeds.wanted_by(request, suffix)
    for_page = wanted is not None and wanted.format == feeds.Format.PAGE
    found = feeds.find(token, for_page=for_page)
    if seconds := _seconds_to_wait(request, found):
        return _guarded(_too_often(seconds))
    if found is None or wanted is None:
        return _guarded(_nothing_here(request))
    reading = status.read(found.subscription, found.subscription.user, now=clock.now())
    if for_page:
        return _guarded(pages.render(request, found.subscription, reading))
    return _guarded(_document(request, found, reading, wanted))


@require_safe
def open_app(request: HttpRequest, code: str, token: str) -> HttpResponse:
    """Show the page that hands a customer's link to an app: Telegram's buttons open web addresses only."""
    found = feeds.find(token, for_page=True)
    if seconds := _seconds_to_wait(request, found):
        return _guarded(_too_often(seconds))
    if found is None:
        return pages.render_unknown(request)
    return pages.render_import(request, found.subscription, code)


def _document(
    request: HttpRequest, found: Found, reading: status.Reading, wanted: feeds.Wanted
) -> HttpResponse:
    refusal = Refusal.NONE
    if reading.state == State.ACTIVE:
        refusal = admit(found.subscription, feeds.device_of(request))
    if not refusal and not feeds.is_preview(request):
        note_fetch(found.subscription, feeds.app_of(request))
    document = feeds.make(found, reading, wanted, refusal)
    etag = f'"{document.mark}"'
    whole = HttpResponse(document.text, content_type=document.content_type)
    response = get_conditional_response(request, etag=etag, response=whole) or whole
    for name, value in {**document.headers, "ETag": etag, "Vary": "Accept, User-Agent"}.items():
        response[name] = value
    return response


def _seconds_to_wait(request: HttpRequest, found: Found | None) -> int:
    """Count the ask against its link, or against its address where there is no such link."""
    if found is not None:
        return rate.seconds_to_wait(found.subscription.token_hash[:32], found.rules.fetches_per_minute)
    address = client_address(request)
    if isinstance(address, IPv6Address):  # one customer has a whole network of these
        return rate.seconds_to_wait(str(ip_network((address, 64), strict=False)), UNKNOWN_PER_MINUTE)
    return rate.seconds_to_wait(str(address), UNKNOWN_PER_MINUTE)


def _nothing_here(request: HttpRequest) -> HttpResponse:
    if feeds.takes_pages(request):
        return pages.render_unknown(request)
    return HttpResponse(NEUTRAL, status=404, content_type="text/plain; charset=utf-8")


def _too_often(seconds: int) -> HttpResponse:
    return HttpResponse(
        "Too often.\n",
        status=429,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(seconds)},
    )


def _guarded(response: HttpResponse) -> HttpResponse:
    """Keep the answer out of caches, indexes, and the logs of wherever its reader goes next."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response
