"""What customers are told of money that goes back. Rendered when it is sent, in their language."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from billing.models import Provider, Refund
from core import money
from notifications import kinds
from notifications.kinds import Button, Rendered
from subscriptions.messages import shown_time

Context = dict[str, Any]

State = Refund.State


def register_kinds() -> None:
    """Make the messages about refunds known to the outbox."""
    kinds.register("refund_sent", _sent, _is_under_way)
    kinds.register("refund_succeeded", _succeeded, _is(State.SUCCEEDED))
    kinds.register("refund_failed", _failed, _is(State.FAILED))


def _refund(context: Context) -> Refund:
    rows = Refund.objects.select_related("payment__order__subscription")
    return rows.get(pk=context["refund_id"])


def _is(state: Refund.State) -> Callable[[User, Context], bool]:
    return lambda user, context: _refund(context).state == state


def _is_under_way(user: User, context: Context) -> bool:
    return _refund(context).state in (*Refund.OPEN, State.MANUAL)


def _sent(user: User, context: Context) -> Rendered:
    refund = _refund(context)
    if refund.payment.provider == Provider.MANUAL:
        how = _("We will hand it over or transfer it to you and write again.")
    else:
        how = _("It goes to the card or account you paid with; the bank may need a few days.")
    return _card(refund, "↩️", _("We are sending %(price)s back"), how, _access(refund))


def _succeeded(user: User, context: Context) -> Rendered:
    refund = _refund(context)
    if refund.payment.provider == Provider.CREDIT:
        how = _("It is your credit again. You can pay for a plan with it.")
    else:
        how = _("The bank may need a few days to show it.")
    return _card(refund, "✅", _("%(price)s went back to you"), how, _access(refund))


def _failed(user: User, context: Context) -> Rendered:
    refund = _refund(context)
    how = _("The money stays with us for now. Write to support and we find another way.")
    if settings.SUPPORT_CONTACT:
        text = _("The money stays with us for now. Write to support and we find another way: %(contact)s")
        how = text % {"contact": escape(settings.SUPPORT_CONTACT)}
    back = _("The time we had taken off your subscription is yours again.") if refund.takes_access else ""
    return _card(refund, "⚠️", _("%(price)s could not be sent back"), how, back)


def _access(refund: Refund) -> str:
    """Say until when access works now, where the refund shortened it."""
    order = refund.payment.order
    if not refund.takes_access or order is None or order.subscription is None:
        return ""
    ends = {"time": shown_time(order.subscription.expires_at)}
    if order.subscription.state == order.subscription.State.ACTIVE:
        return _("Your subscription now works until %(time)s.") % ends
    return _("Your subscription ended with it.")


def _card(refund: Refund, sign: str, heading: str, *lines: str) -> Rendered:
    price = money.shown(refund.amount, refund.currency)
    text = "\n".join(line for line in lines if line)
    return Rendered(
        f"{sign} <b>{heading % {'price': price}}</b>\n{text}",
        buttons=((Button(_("🧾 My payments"), action="orders"), Button(_("☰ Menu"), action="menu")),),
    )
