"""What the customer holds, at a glance."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from referrals import services as referrals
from subscriptions import messages, status
from subscriptions import services as subscriptions
from subscriptions.status import CustomerStatus, State
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Values:
    customer_id: int
    name: str
    status: CustomerStatus
    invite_link: str
    has_locations: bool = False


def load(customer: User, argument: str) -> Values:
    code = referrals.code_of(customer)
    name = settings.TELEGRAM_BOT_USERNAME
    link = f"https://t.me/{name}?start={referrals.PREFIX}{code}" if name else ""
    offer = subscriptions.locations_of(customer)
    has_locations = offer is not None and offer.is_choice
    return Values(customer.pk, customer.full_name, status.of(customer), link, has_locations)


def render(values: Values) -> Rendered:
    lines = [
        f"👤 <b>{escape(values.name or _('My profile'))}</b>",
        _("Customer number: %(id)d") % {"id": values.customer_id},
    ]
    lines += ["", *_subscription(values.status)]
    if values.invite_link:
        lines += ["", _("Your invite link:"), f"<code>{escape(values.invite_link)}</code>"]
    return Rendered("\n".join(lines), buttons=_buttons(values))


def _subscription(found: CustomerStatus) -> list[str]:
    if found.subscription_id is None or found.expires_at is None:
        return [_("You have no subscription yet.")]
    ends = messages.shown_time(found.expires_at)
    over = found.state is State.EXPIRED
    lines = [
        _("Plan: %(plan)s") % {"plan": escape(found.plan_name)},
        (_("Ended: %(time)s") if over else _("Works until: %(time)s")) % {"time": ends},
    ]
    if not over:
        lines.append(_("Left: %(time)s") % {"time": f"<b>{found.time_left_text}</b>"})
    lines.append(
        _("Traffic: %(traffic)s") % {"traffic": parts.shown_traffic(found.period_used, found.period_limit)}
    )
    if found.has_own_limit:
        lines.append(_("This limit was set for you; it stays when you renew."))
    if found.resets_at is not None and not over:
        lines.append(_starts_anew(found.resets_at, keeps=found.keeps_traffic))
    return lines


def _starts_anew(at: datetime, *, keeps: bool) -> str:
    when = {"time": messages.shown_time(at)}
    if keeps:
        return _("New traffic comes on: %(time)s. What is left stays.") % when
    return _("New traffic comes on: %(time)s. What is left then lapses.") % when


def _buttons(values: Values) -> tuple[tuple[Button, ...], ...]:
    first = parts.key_button() if values.status.subscription_id else parts.plans_button()
    invite = ((Button(_("📋 Copy the invite link"), copy=values.invite_link),),) if values.invite_link else ()
    orders = Button(_("🧾 My payments"), action="orders")
    location = ((Button(_("🌍 Location"), action="location"),),) if values.has_locations else ()
    devices = ((Button(_("📱 My devices"), action="devices"),),) if values.status.counts_devices else ()
    has_any = values.status.subscription_id is not None
    traffic = (Button(_("📊 My traffic"), action="traffic"),) if has_any else ()
    return (*invite, *location, *devices, (orders, *traffic), (first, parts.menu_button()))
