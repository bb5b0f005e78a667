"""The catalogue of apps as pages and screens show it: plain values, in the order staff gave them."""

import re
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from subscriptions.models import AppPlace, ClientApp, Platform

TELEVISIONS = (Platform.ANDROID_TV, Platform.APPLE_TV)
# In this order: televisions call themselves Android too, and Android calls itself Linux.
AGENTS = (
    (Platform.APPLE_TV, re.compile(r"Apple ?TV", re.I)),
    (Platform.ANDROID_TV, re.compile(r"Android.*\b(TV|BRAVIA|AFT\w+|MiBOX\w*)\b|GoogleTV", re.I)),
    (Platform.IOS, re.compile(r"iPhone|iPad|iPod")),
    (Platform.ANDROID, re.compile(r"Android")),
    (Platform.WINDOWS, re.compile(r"Windows")),
    (Platform.MACOS, re.compile(r"Macintosh|Mac OS X")),
    (Platform.LINUX, re.compile(r"Linux|X11")),
)


@dataclass(frozen=True)
class Offer:
    """An app as it is offered on one platform. `russian_store` only where it is another page than `store`."""

    app: ClientApp
    platform: Platform
    store: str
    russian_store: str

    @property
    def code(self) -> str:
        return self.app.code

    @property
    def name(self) -> str:
        return self.app.name

    @property
    def steps(self) -> list[str]:
        """What to do, in the active language."""
        return steps(self.app, self.platform)


@dataclass(frozen=True)
class Section:
    """A platform with its apps, the recommended one first; never empty."""

    platform: Platform
    offers: tuple[Offer, ...]

    @property
    def best(self) -> Offer:
        return self.offers[0]

    @property
    def others(self) -> tuple[Offer, ...]:
        return self.offers[1:]

    @property
    def is_television(self) -> bool:
        return self.platform in TELEVISIONS

    def offer(self, code: str) -> Offer | None:
        return next((offer for offer in self.offers if offer.code == code), None)


def sections(*, only_tell_device: bool = False) -> list[Section]:
    """Return every platform for which an app is offered. One query.

    `only_tell_device` leaves the apps that say which device they are on: a strict limit serves no others.
    """
    places = [place for place in _places() if place.app.tells_device or not only_tell_device]
    found = [
        Section(platform, tuple(_offer(place) for place in places if place.platform == platform))
        for platform in Platform
    ]
    return [section for section in found if section.offers]


def find(code: str) -> list[Offer]:
    """Return what is offered of one app, platform by platform; nothing if there is no such app. One query."""
    return _sorted(_places().filter(app__code=code))


def offers_of(app: ClientApp) -> list[Offer]:
    """Return the same of an app that may not be offered yet. One query."""
    return _sorted(app.places.select_related("app"))


def _sorted(places: "QuerySet[AppPlace]") -> list[Offer]:
    order = list(Platform)
    return sorted((_offer(place) for place in places), key=lambda offer: order.index(offer.platform))


def platform_of(user_agent: str) -> Platform | None:
    """Return what a browser says it runs on."""
    return next((platform for platform, pattern in AGENTS if pattern.search(user_agent)), None)


def _places() -> "QuerySet[AppPlace]":
    return (
        AppPlace.objects.filter(app__is_enabled=True).select_related("app").order_by("position", "app__name")
    )


def _offer(place: AppPlace) -> Offer:
    return Offer(place.app, Platform(place.platform), place.store_url, place.russian_store_url)


def steps(app: ClientApp, platform: Platform | None = None) -> list[str]:
    """Return what to do with the app, one sentence a step: its own guide, or what is usual."""
    if app.guide:
        return app.guide
    named = {"app": app.name}
    if platform in TELEVISIONS:
        return [
            _("Install %(app)s on the TV and open it.") % named,
            _("Choose to add a subscription from the phone: the TV shows a code."),
            _("Scan that code with your phone and paste your link there."),
            _("Choose a server and switch the VPN on. Done."),
        ]
    if not app.link_template:
        return [
            _("Install %(app)s.") % named,
            _("Copy your link."),
            _("In the app choose to add from the clipboard."),
            _("Choose a server and switch the VPN on. Done."),
        ]
    return [
        _("Install %(app)s.") % named,
        _("Press “Add to %(app)s”: the app opens with your subscription.") % named,
        _("Allow it to set up a VPN."),
        _("Press the big button in the app. Done."),
    ]
