"""A new link for a customer whose old one got around: asked first, then shown."""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import messages, status
from subscriptions.services import COOL_DOWN
from subscriptions.status import CustomerStatus, State
from telegram_bot.screens import key, parts

MINUTE = timedelta(minutes=1)
HELD = (State.ACTIVE, State.PENDING)


def load(customer: User, argument: str) -> CustomerStatus:
    return status.of(customer)


def render(values: CustomerStatus) -> Rendered:
    """Say what happens to devices, and ask. Who holds nothing that works sees why instead."""
    if values.state not in HELD:
        return key.render(values)
    heading = _("Replace the link?")
    text = _(
        "Do this if somebody else has your link. The old link and its keys stop working at once, in every "
        "app and on every device, yours too. You then put the new link into the app on each of them."
    )
    yes = Button(_("♻️ Yes, replace it"), action=f"replace:{values.subscription_id}")
    return Rendered(
        f"♻️ <b>{heading}</b>\n{text}",
        buttons=((yes,), (Button(_("‹ Keep the link"), action="key"), parts.menu_button())),
    )


def render_done(values: CustomerStatus) -> Rendered:
    """Show the new link at once: the keys behind it follow within seconds."""
    if values.state not in HELD:
        return key.render(values)
    heading = _("Your new link")
    text = _(
        "The old one no longer works. Remove it from the app on each of your devices and add this one. "
        "It works within a minute."
    )
    return messages.key_card(values.link, f"🔑 <b>{heading}</b>\n{text}")


def render_too_soon(values: CustomerStatus) -> Rendered:
    """Say how long a new link has to stay."""
    minutes = COOL_DOWN // MINUTE
    text = ngettext(
        "The link was replaced just now. It can be replaced again after %(minutes)d minute.",
        "The link was replaced just now. It can be replaced again after %(minutes)d minutes.",
        minutes,
    )
    return Rendered(
        f"⏳ <b>{_('Not yet')}</b>\n{text % {'minutes': minutes}}",
        buttons=((parts.key_button(), parts.menu_button()),),
    )
