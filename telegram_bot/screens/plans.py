"""Plans with their prices and what they contain, each with a button to buy it."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from billing import services as billing
from billing.models import Price
from billing.services import Offer
from core import clock, money
from notifications.kinds import Button, Rendered
from subscriptions import status
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Values:
    offers: tuple[Offer, ...]
    has_trial_left: bool
    is_renewal: bool
    can_pay: bool


def load(customer: User, argument: str) -> Values:
    found = status.of(customer)
    return Values(
        offers=tuple(billing.offers()),
        has_trial_left=found.has_trial_left,
        is_renewal=found.subscription_id is not None,
        can_pay=bool(billing.offered_accounts(clock.now()))
        or billing.credit_of(customer, Price.Currency.RUB) > 0,
    )


def render(values: Values) -> Rendered:
    if not values.offers:
        return Rendered(
            _("No plan is on sale at the moment. Look in again later."), buttons=((parts.menu_button(),),)
        )
    cards = [_card(offer) for offer in values.offers]
    text = "\n\n".join(["💳 <b>" + _("Plans") + "</b>", *cards, _how_to_buy(values)])
    first = ((parts.trial_button(),),) if values.has_trial_left else ()
    ways = tuple((_buy_button(offer, values),) for offer in values.offers) if values.can_pay else ()
    return Rendered(text, buttons=(*first, *ways, (parts.key_button(), parts.menu_button())))


def _card(offer: Offer) -> str:
    price = money.shown(offer.amount, offer.currency)
    lines = [f"<b>{escape(offer.plan.name)}</b>: {price}"]
    if about := offer.plan.about:
        lines.append(escape(about))
    lines.append(parts.shown_devices(offer.plan.devices))
    if offer.saving_per_day:
        saving = money.shown(Decimal(offer.saving_per_day), offer.currency)
        lines.append("💚 " + _("You save %(amount)s a day against the 30-day plan") % {"amount": saving})
    return "\n".join(line for line in lines if line)


def _how_to_buy(values: Values) -> str:
    if not values.can_pay:
        return parts.cannot_pay()
    if values.is_renewal:
        return _("Choose a plan to renew: the time is added to what you have.")
    return _("Choose a plan to buy.")


def _buy_button(offer: Offer, values: Values) -> Button:
    words = {"plan": offer.plan.name, "price": money.shown(offer.amount, offer.currency)}
    label = _("Renew: %(plan)s · %(price)s") if values.is_renewal else _("Buy: %(plan)s · %(price)s")
    return Button(label % words, action=f"buy:{offer.plan.pk}")
