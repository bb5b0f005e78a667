"""Where the customer's servers stand, and where else they may be."""

from dataclasses import dataclass

from django.utils import formats, timezone
from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import services as subscriptions
from subscriptions.services import LocationOffer
from telegram_bot.screens import parts

NOTES = ("chosen", "soon", "gone")


@dataclass(frozen=True)
class Values:
    """`note`: what became of the press that led here."""

    offer: LocationOffer | None
    note: str


def load(customer: User, argument: str) -> Values:
    return Values(subscriptions.locations_of(customer), argument if argument in NOTES else "")


def render(values: Values) -> Rendered:
    heading = "🌍 <b>" + _("Location of your servers") + "</b>"
    offer = values.offer
    if offer is None or not offer.is_choice:
        return Rendered(
            f"{heading}\n" + _("There is no other location to choose right now."),
            buttons=((parts.key_button(), parts.menu_button()),),
        )
    chosen = offer.chosen or _("Any")
    lines = [heading, _("Chosen: %(location)s") % {"location": f"<b>{escape(chosen)}</b>"}, ""]
    lines.append(_note(values.note, offer) or _("Your link stays the same, whatever you choose."))
    rows = [
        Button(_mark(name, name == offer.chosen), action=f"location:{number}")
        for name, number in offer.locations.items()
    ]
    rows.append(Button(_mark(_("Any"), not offer.chosen), action="location:any"))
    return Rendered(
        "\n".join(lines), buttons=(*((row,) for row in rows), (parts.key_button(), parts.menu_button()))
    )


def _mark(label: str, is_chosen: bool) -> str:
    return f"✅ {label}" if is_chosen else label


def _note(note: str, offer: LocationOffer) -> str:
    if note == "gone":
        return _("This location has no room right now. Choose another one.")
    if note == "soon" and offer.again_at:
        at = formats.date_format(timezone.localtime(offer.again_at), "H:i T")
        return _("You have just changed it. You can choose again after %(time)s.") % {"time": at}
    if note == "chosen":
        return _(
            "Done. In a minute update the subscription in your app: if your server changes, the new one is "
            "there. Until then the old one works."
        )
    return ""
