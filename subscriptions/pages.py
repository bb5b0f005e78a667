"""The pages behind a customer's link: what they hold, how to connect, handing it to an app.

They ask no panel, load nothing from elsewhere, and name the token nowhere but in the link itself and in the
addresses of the pages that import it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as render_template
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts.services import LANGUAGES
from core import clock
from subscriptions import catalogue, qr
from subscriptions.contacts import bot_url, support_url
from subscriptions.messages import comes_next
from subscriptions.models import ClientApp, Conditions, Subscription
from subscriptions.status import CustomerStatus, Reading, State

GIB = 2**30
TONES = {State.ACTIVE: "good", State.PENDING: "wait", State.EXHAUSTED: "warn"}
CONNECTS = (State.ACTIVE, State.PENDING, State.EXHAUSTED)
SOON = timedelta(days=3)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True)
class Traffic:
    """Traffic in words, and what is left of a limit in whole percent; None where there is no limit."""

    used: str
    limit: str
    left: str
    percent_left: int | None


def render(request: HttpRequest, subscription: Subscription, reading: Reading) -> HttpResponse:
    """Return the page of a subscription with its user, plan and access. One query, nothing written."""
    language = _language(request, subscription.user.language)
    with translation.override(language):
        return _page(request, "page", 200, _context(request, subscription, reading), language)


def render_unknown(request: HttpRequest) -> HttpResponse:
    """Return what a browser gets for whatever is no link of ours: one and the same page. No query."""
    language = _language(request, translation.get_language() or "en")
    with translation.override(language):
        return _page(request, "unknown", 404, {"bot_url": bot_url()}, language)


def render_import(request: HttpRequest, subscription: Subscription, code: str) -> HttpResponse:
    """Return the page whose button hands the link to the app `code`. One query, nothing written."""
    offers = catalogue.find(code)
    if not offers:
        return render_unknown(request)
    return _import_page(request, offers[0].app, offers, subscription.link, subscription.user.language)


def render_preview(request: HttpRequest, app: ClientApp, link: str) -> HttpResponse:
    """Return the same page for staff, of an app that may not be offered yet, for a link that is nobody's."""
    return _import_page(request, app, catalogue.offers_of(app), link, translation.get_language() or "en")


def _import_page(
    request: HttpRequest, app: ClientApp, offers: list[catalogue.Offer], link: str, own_language: str
) -> HttpResponse:
    language = _language(request, own_language)
    mine = catalogue.platform_of(request.headers.get("user-agent", ""))
    stores = [offer for offer in offers if offer.store or offer.russian_store]
    with translation.override(language):
        context = {
            "app": app,
            "import_link": app.import_link(link, settings.SHOP_NAME),
            "steps": catalogue.steps(app),
            "here": [offer for offer in stores if offer.platform == mine],
            "elsewhere": [offer for offer in stores if offer.platform != mine],
            "link": link,
            "qr": qr.drawing(link),
        }
        return _page(request, "import", 200, context, language)


def _context(request: HttpRequest, subscription: Subscription, reading: Reading) -> dict[str, Any]:
    left = max(subscription.expires_at - clock.now(), timedelta(0))
    connects = reading.state in CONNECTS
    is_held = reading.state in (State.DISABLED, State.BANNED)
    heading, text = words(reading.state)
    if reading.state == State.EXHAUSTED and subscription.own_limit is not None:
        text = comes_next(subscription)
    return {
        "state": reading.state,
        "tone": TONES.get(reading.state, "bad"),
        "heading": heading,
        "text": text,
        "plan": subscription.plan.name,
        "time_left": CustomerStatus(reading.state, time_left=left).time_left_text if left else "",
        "ends": formats.date_format(timezone.localtime(subscription.expires_at), "j E Y, H:i T"),
        "traffic": _traffic(reading.period_used, reading.period_limit),
        "starts_anew": _day(subscription.resets_at) if subscription.resets_at else "",
        "is_held": is_held,
        "renew_url": "" if is_held else bot_url("plans"),
        "devices_url": bot_url("devices") if connects and subscription.counts_devices else "",
        "is_renewing_urgent": not connects or reading.state == State.EXHAUSTED or left < SOON,
        "sections": _sections(request, subscription) if connects else [],
        "mine": catalogue.platform_of(request.headers.get("user-agent", "")),
        "token": subscription.token,
        "link": subscription.link,
        "qr": qr.drawing(subscription.link) if connects else None,
    }


def words(state: State) -> tuple[str, str]:
    """Return what the page says of a state: a heading, and what to do."""
    renew = _("Renew and the same link works again.")
    mistake = _("Write to support if you think this is a mistake.")
    match state:
        case State.ACTIVE:
            return _("Your VPN works"), ""
        case State.PENDING:
            return _("Your VPN is being activated"), _(
                "It usually takes a few seconds. Reload this page then."
            )
        case State.EXHAUSTED:
            return _("Your traffic is used up"), renew
        case State.EXPIRED:
            return _("Your subscription has ended"), renew
        case State.DISABLED:
            return _("Your subscription is switched off"), mistake
        case _:
            return _("Your access is closed"), mistake


def _sections(request: HttpRequest, subscription: Subscription) -> list[catalogue.Section]:
    is_strict = subscription.device_mode == Conditions.DeviceMode.STRICT
    return catalogue.sections(only_tell_device=is_strict)


def _day(at: datetime) -> str:
    return formats.date_format(timezone.localtime(at), "j E")


def _traffic(used: int, limit: int) -> Traffic:
    left = max(limit - used, 0)
    percent = min(max(left * 100 // limit, 1 if left else 0), 100) if limit else None
    return Traffic(_gigabytes(used), _gigabytes(limit), _gigabytes(left), percent)


def _gigabytes(amount: int) -> str:
    """Return bytes as GB of 2**30, with decimals only where they say something."""
    value = amount / GIB
    return formats.number_format(value, decimal_pos=0 if value >= 100 or value == int(value) else 1)


def _language(request: HttpRequest, own: str) -> str:
    asked = request.GET.get("lang", "")
    return asked if asked in LANGUAGES else own if own in LANGUAGES else "en"


def _page(
    request: HttpRequest, name: str, status: int, context: dict[str, Any], language: str
) -> HttpResponse:
    context |= {
        "shop": settings.SHOP_NAME,
        "language": language,
        "support_url": support_url(),
        "languages": [("ru", "Русский"), ("en", "English")],
    }
    response = render_template(request, f"subscriptions/{name}.html", context, status=status)
    for header, value in HEADERS.items():
        response[header] = value
    response["Content-Language"] = language
    return response
