"""Screens: `load` reads plain values for a customer, `render` turns them into a message and reads nothing.

An update remembers only which screen it leads to (a name and an argument); a replay loads it afresh, so
it shows how things are, not how they were. A new screen is one file and one entry in SCREENS.

A screen that needs something from outside first names a slow follow-up as its `prepare`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import translation

from accounts.models import User
from billing.errors import NoSuchOrder
from notifications.kinds import Rendered
from telegram_bot import followups
from telegram_bot.screens import (
    checkout,
    connect,
    devices,
    key,
    language,
    location,
    menu,
    order,
    orders,
    plans,
    profile,
    relink,
    support,
    traffic,
    trial,
)


@dataclass(frozen=True)
class Shown:
    """Which screen an update leads to."""

    name: str
    argument: str = ""


@dataclass(frozen=True)
class Screen:
    """`prepare` runs before `load`, outside any transaction, and may take seconds or fail."""

    load: Callable[[User, str], Any]
    render: Callable[[Any], Rendered]
    prepare: Callable[[User, str], None] | None = None


@dataclass(frozen=True)
class Unprepared:
    """A screen that is decided, but wants its slow follow-up before it is shown."""

    customer: User
    shown: Shown

    def prepare(self) -> None:
        """Do what the screen asks of the outside world. Safe to repeat and to cut off."""
        prepare = SCREENS[self.shown.name].prepare
        if prepare is not None:
            prepare(self.customer, self.shown.argument)

    def render(self) -> Rendered:
        return render(self.customer, self.shown)


SCREENS: dict[str, Screen] = {
    "menu": Screen(menu.load, menu.render),
    "banned": Screen(support.load, support.render_banned),
    "check": Screen(order.load_of_payment, order.render, followups.look_at_payment),
    "checkout": Screen(checkout.load, checkout.render),
    "closing": Screen(order.load, order.render_closing),
    "connect": Screen(connect.load, connect.render),
    "device": Screen(devices.load, devices.render),
    "devices": Screen(devices.load, devices.render),
    "help": Screen(support.load_help, support.render_help),
    "key": Screen(key.load, key.render),
    "language": Screen(language.load, language.render),
    "location": Screen(location.load, location.render),
    "order": Screen(order.load, order.render, followups.look_at_order),
    "orders": Screen(orders.load, orders.render),
    "payment": Screen(order.load_of_payment, order.render, followups.fetch_link),
    "plans": Screen(plans.load, plans.render),
    "profile": Screen(profile.load, profile.render),
    "relink": Screen(relink.load, relink.render),
    "relinked": Screen(relink.load, relink.render_done),
    "relinked_lately": Screen(relink.load, relink.render_too_soon),
    "traffic": Screen(traffic.load, traffic.render),
    "trial": Screen(trial.load, trial.render),
}


def render(customer: User, shown: Shown) -> Rendered:
    """Return the screen for the customer, in their language, as things are now.

    An order that is not theirs shows the menu: anybody can forge a button.
    """
    screen = SCREENS[shown.name]
    with translation.override(customer.language):
        try:
            values = screen.load(customer, shown.argument)
        except NoSuchOrder:
            return menu.render(menu.load(customer, ""))
        return screen.render(values)


def render_or_ask(customer: User, shown: Shown) -> Rendered | Unprepared:
    """Return the screen, or what is to be prepared first."""
    if SCREENS[shown.name].prepare is not None:
        return Unprepared(customer, shown)
    return render(customer, shown)


def render_apology(language: str) -> Rendered:
    """Return what a customer sees when we failed for good."""
    with translation.override(language):
        return support.render_apology()


def pack(shown: Shown) -> dict[str, str]:
    return {"name": shown.name, "argument": shown.argument}


def unpack(stored: dict[str, str]) -> Shown:
    """Return the stored screen; one that a newer version no longer has becomes the menu."""
    if stored.get("name") not in SCREENS:
        return Shown("menu")
    return Shown(stored["name"], stored.get("argument", ""))
