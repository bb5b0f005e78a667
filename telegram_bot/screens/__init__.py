"""Screens: `load` reads plain values for a customer, `render` turns them into a message and reads nothing.

An update remembers only which screen it leads to (a name and an argument); a replay loads it afresh, so
it shows how things are, not how they were. A new screen is one file and one entry in SCREENS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import translation

from accounts.models import User
from notifications.kinds import Rendered
from telegram_bot.screens import connect, key, language, menu, plans, profile, support, trial


@dataclass(frozen=True)
class Shown:
    """Which screen an update leads to."""

    name: str
    argument: str = ""


@dataclass(frozen=True)
class Screen:
    load: Callable[[User, str], Any]
    render: Callable[[Any], Rendered]


SCREENS: dict[str, Screen] = {
    "menu": Screen(menu.load, menu.render),
    "banned": Screen(support.load, support.render_banned),
    "connect": Screen(connect.load, connect.render),
    "help": Screen(support.load, support.render_help),
    "key": Screen(key.load, key.render),
    "language": Screen(language.load, language.render),
    "plans": Screen(plans.load, plans.render),
    "profile": Screen(profile.load, profile.render),
    "trial": Screen(trial.load, trial.render),
}


def render(customer: User, shown: Shown) -> Rendered:
    """Return the screen for the customer, in their language, as things are now."""
    screen = SCREENS[shown.name]
    with translation.override(customer.language):
        return screen.render(screen.load(customer, shown.argument))


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
