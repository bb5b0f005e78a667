"""The main menu."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import status
from subscriptions.status import State
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Values:
    first_name: str
    has_trial_left: bool
    state: State
    time_left: str
    is_lost: bool
    is_away: bool = False


def load(customer: User, argument: str) -> Values:
    """`argument` is `unknown` when the menu answers something the bot did not understand."""
    found = status.of(customer)
    return Values(
        first_name=customer.first_name,
        has_trial_left=found.has_trial_left,
        state=found.state,
        time_left=found.time_left_text if found.subscription_id else "",
        is_lost=argument == "unknown",
        is_away=found.is_away,
    )


def render(values: Values) -> Rendered:
    return Rendered("\n\n".join([_heading(values), _standing(values)]), buttons=_buttons(values))


def _heading(values: Values) -> str:
    if values.is_lost:
        return _("I did not understand that. Here is what I can do:")
    hello = _("Hello, %(name)s!") % {"name": escape(values.first_name)} if values.first_name else _("Hello!")
    about = _("%(shop)s: a fast VPN for your phone and computer.") % {
        "shop": f"<b>{escape(settings.SHOP_NAME)}</b>"
    }
    return f"👋 {hello}\n{about}"


def _standing(values: Values) -> str:
    match values.state:
        case State.ACTIVE if values.is_away:
            return f"🟠 {parts.server_away()}"
        case State.ACTIVE:
            return "🟢 " + _("Your VPN works. Left: %(time)s.") % {"time": f"<b>{values.time_left}</b>"}
        case State.PENDING:
            return "🟡 " + _("Your VPN is being activated. A message follows the moment it works.")
        case State.EXHAUSTED:
            return "🟠 " + _("Your traffic is used up.")
        case State.EXPIRED:
            return "🔴 " + _("Your subscription has ended. Renew and the same link works again.")
        case State.DISABLED:
            return "⛔ " + _("Your subscription is switched off.") + " " + parts.ask_support()
        case _:
            return (
                _("Take the free trial: a working key in seconds, no card needed.")
                if values.has_trial_left
                else _("Choose a plan to get your key.")
            )


def _buttons(values: Values) -> tuple[tuple[Button, ...], ...]:
    rows: list[tuple[Button, ...]] = []
    if values.has_trial_left:
        rows.append((parts.trial_button(),))
    elif values.state is not State.NONE:
        rows.append((parts.key_button(), parts.connect_button()))
    rows.append((parts.plans_button(), Button(_("👤 My profile"), action="profile")))
    rows.append((Button("🌐 Русский / English", action="language"), parts.help_button()))
    return tuple(rows)
