"""Plans with their prices and what they contain."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from billing import services as billing
from billing.services import Offer
from core import money
from notifications.kinds import Rendered
from subscriptions import status
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Values:
    offers: tuple[Offer, ...]
    has_trial_left: bool


def load(customer: User, argument: str) -> Values:
    return Values(tuple(billing.offers()), status.of(customer).has_trial_left)


def render(values: Values) -> Rendered:
    if not values.offers:
        return Rendered(
            _("No plan is on sale at the moment. Look in again later."), buttons=((parts.menu_button(),),)
        )
    cards = [_card(offer) for offer in values.offers]
    text = "\n\n".join(["💳 <b>" + _("Plans") + "</b>", *cards, _how_to_buy()])
    first = ((parts.trial_button(),),) if values.has_trial_left else ()
    return Rendered(text, buttons=(*first, (parts.key_button(), parts.menu_button())))


def _card(offer: Offer) -> str:
    price = money.shown(offer.amount, offer.currency)
    lines = [f"<b>{escape(offer.plan.name)}</b>: {price}"]
    if about := offer.plan.about:
        lines.append(escape(about))
    lines.append(_devices(offer.plan.devices))
    if offer.saving_per_day:
        saving = money.shown(Decimal(offer.saving_per_day), offer.currency)
        lines.append("💚 " + _("You save %(amount)s a day against the 30-day plan") % {"amount": saving})
    return "\n".join(line for line in lines if line)


def _devices(devices: int) -> str:
    if not devices:
        return ""
    return ngettext("%(n)d device", "%(n)d devices", devices) % {"n": devices}


def _how_to_buy() -> str:
    return _("Want to buy a plan?") + " " + parts.ask_support()
