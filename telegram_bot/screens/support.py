"""Where to get help; what banned customers see; what everybody sees when we failed."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Rendered
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Values:
    customer_id: int


def load(customer: User, argument: str) -> Values:
    return Values(customer.pk)


def render_help(values: Values) -> Rendered:
    tips = _(
        "VPN does not connect?\n"
        "1. Refresh the subscription in your app.\n"
        "2. Try another server from the list.\n"
        "3. Switch flight mode on and off."
    )
    number = _("Your customer number: %(id)d") % {"id": values.customer_id}
    return Rendered(
        f"💬 <b>{_('Help')}</b>\n\n{tips}\n\n{parts.ask_support()}\n{number}",
        buttons=((parts.connect_button(),), (parts.key_button(), parts.menu_button())),
    )


def render_banned(values: Values) -> Rendered:
    number = _("Your customer number: %(id)d") % {"id": values.customer_id}
    return Rendered(f"⛔ <b>{_('Your access is closed')}</b>\n{parts.ask_support()}\n{number}")


def render_apology() -> Rendered:
    text = _("Something went wrong on our side, and nothing was changed twice. Please try again in a minute.")
    return Rendered(f"😔 {text}\n{parts.ask_support()}", buttons=((parts.menu_button(),),))
