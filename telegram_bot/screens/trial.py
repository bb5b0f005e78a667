"""What somebody sees who asks for a trial and cannot have one."""

from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Rendered
from subscriptions import status
from subscriptions.status import CustomerStatus, State
from telegram_bot.screens import key, parts


def load(customer: User, argument: str) -> CustomerStatus:
    return status.of(customer)


def render(values: CustomerStatus) -> Rendered:
    """Whoever pressed twice sees their key; whoever had a trial long ago sees what they can do now."""
    if values.state in (State.ACTIVE, State.PENDING):
        return key.render(values)
    text = _("The free trial is for new customers, once. Plans start right away.")
    return Rendered(
        "🎁 <b>" + _("There is no trial left") + f"</b>\n{text}",
        buttons=((parts.plans_button(), parts.menu_button()),),
    )
