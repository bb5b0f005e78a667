"""What several screens share: buttons, bytes, where to write."""

from urllib.parse import urlsplit

from django.conf import settings
from django.utils import formats
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications.kinds import Button

GIB = 2**30


def menu_button() -> Button:
    return Button(_("☰ Menu"), action="menu")


def trial_button() -> Button:
    return Button(_("🎁 Try for free"), action="trial")


def plans_button() -> Button:
    return Button(_("💳 Plans"), action="plans")


def key_button() -> Button:
    return Button(_("🔑 My key"), action="key")


def connect_button() -> Button:
    return Button(_("📱 How to connect"), action="connect")


def help_button() -> Button:
    return Button(_("💬 Help"), action="help")


def may_be_button(address: str) -> bool:
    """Tell whether Telegram takes the address on a button: it refuses hosts without a dot."""
    return "." in (urlsplit(address).hostname or "")


def shown_traffic(used: int, limit: int) -> str:
    """Return bytes as GiB, against the limit where there is one."""
    amount = formats.number_format(used / GIB, decimal_pos=2)
    if not limit:
        return _("%(used)s GB, no limit") % {"used": amount}
    return _("%(used)s of %(limit)s GB") % {
        "used": amount,
        "limit": formats.number_format(limit / GIB, decimal_pos=0),
    }


def shown_devices(devices: int) -> str:
    """Return for how many devices something is; nothing where there is no limit."""
    if not devices:
        return ""
    return ngettext("%(n)d device", "%(n)d devices", devices) % {"n": devices}


def cannot_pay() -> str:
    return _("Paying is not possible right now.") + " " + ask_support()


def server_away() -> str:
    return _("Your server does not answer right now. We are working on it, and your link stays the same.")


def ask_support() -> str:
    """Return where to write, or where it is not set up, that an answer here reaches nobody yet."""
    contact = settings.SUPPORT_CONTACT
    if contact:
        return _("Write to us: %(contact)s") % {"contact": escape(contact)}
    return _("Write to whoever gave you this bot.")
