"""The key: the customer's link with its QR code, or why there is none yet."""

from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import messages, status
from subscriptions.status import CustomerStatus, State
from telegram_bot.screens import parts


def load(customer: User, argument: str) -> CustomerStatus:
    return status.of(customer)


def render(values: CustomerStatus) -> Rendered:
    match values.state:
        case State.ACTIVE:
            heading = _("Your key")
            left = _("Left: %(time)s") % {"time": values.time_left_text}
            away = f"\n🟠 {parts.server_away()}" if values.is_away else ""
            return messages.key_card(
                values.link,
                f"🔑 <b>{heading}</b>\n{escape(values.plan_name)} · {left}{away}",
                Button(_("♻️ Replace the link"), action="relink"),
            )
        case State.PENDING:
            again = Button(_("🔄 Look again"), action="key")
            return _card(
                "⏳ <b>" + _("Your key is being activated") + "</b>",
                _("It usually takes a few seconds. A message with your key follows the moment it works."),
                (again, parts.menu_button()),
            )
        case State.EXPIRED:
            return _card(
                "⌛ <b>" + _("Your subscription has ended") + "</b>",
                _("Renew and the same link works again."),
                (parts.plans_button(), parts.menu_button()),
            )
        case State.EXHAUSTED:
            return _card(
                "📊 <b>" + _("Your traffic is used up") + "</b>",
                parts.shown_traffic(values.period_used, values.period_limit),
                (parts.plans_button(), parts.menu_button()),
            )
        case State.DISABLED | State.BANNED:
            return _card(
                "⛔ <b>" + _("Your subscription is switched off") + "</b>",
                parts.ask_support(),
                (parts.menu_button(),),
            )
        case State.NONE:
            first = parts.trial_button() if values.has_trial_left else parts.plans_button()
            return _card(
                "🔑 <b>" + _("You have no key yet") + "</b>",
                _("It takes one press."),
                (first, parts.menu_button()),
            )


def _card(heading: str, text: str, row: tuple[Button, ...]) -> Rendered:
    return Rendered(f"{heading}\n{text}", buttons=(row,))
