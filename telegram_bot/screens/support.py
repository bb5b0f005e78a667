"""Where to get help; what banned customers see; what everybody sees when we failed."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User
from billing.models import Order
from notifications.kinds import Button, Rendered
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Values:
    """`order_id` is the customer's last order, 0 for none."""

    customer_id: int
    order_id: int = 0


def load(customer: User, argument: str) -> Values:
    return Values(customer.pk)


def load_help(customer: User, argument: str) -> Values:
    last = Order.objects.filter(payer=customer).order_by("-id").values_list("pk", flat=True).first()
    return Values(customer.pk, last or 0)


def render_help(values: Values) -> Rendered:
    tips = _(
        "VPN does not connect?\n"
        "1. Refresh the subscription in your app.\n"
        "2. Try another server from the list.\n"
        "3. Switch flight mode on and off."
    )
    number = _("Your customer number: %(id)d") % {"id": values.customer_id}
    paid = f"{_about_payments(values.order_id)}\n\n" if values.order_id else ""
    return Rendered(
        f"💬 <b>{_('Help')}</b>\n\n{tips}\n\n{paid}{parts.ask_support()}\n{number}",
        buttons=(
            *_order_row(values.order_id),
            (parts.connect_button(),),
            (parts.key_button(), parts.menu_button()),
        ),
    )


def _about_payments(order_id: int) -> str:
    advice = _(
        "Paid, but no key?\n"
        "1. Open your last order with the button below and press “Check payment”.\n"
        "2. If it says “Paid”, the key follows by itself within minutes.\n"
        "3. If the payment did not go through, pay anew or with another card. Money is never taken twice: "
        "what comes in too much is kept as your credit or goes back."
    )
    return advice + "\n" + _("Your last order: %(number)d") % {"number": order_id}


def _order_row(order_id: int) -> tuple[tuple[Button, ...], ...]:
    if not order_id:
        return ()
    return ((Button(_("🧾 Order %(number)d") % {"number": order_id}, action=f"order:{order_id}"),),)


def render_banned(values: Values) -> Rendered:
    number = _("Your customer number: %(id)d") % {"id": values.customer_id}
    return Rendered(f"⛔ <b>{_('Your access is closed')}</b>\n{parts.ask_support()}\n{number}")


def render_apology() -> Rendered:
    text = _("Something went wrong on our side, and nothing was changed twice. Please try again in a minute.")
    return Rendered(f"😔 {text}\n{parts.ask_support()}", buttons=((parts.menu_button(),),))
