"""What customers are told of an outage that concerned them, and of days given for it."""

from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from core import clock
from notifications import kinds
from notifications.kinds import Button, Rendered
from notifications.models import OutboxMessage
from subscriptions.messages import Context, shown_time
from subscriptions.models import Subscription
from vpnpanel.models import Outage


def register_kinds() -> None:
    """Make these messages known to the outbox."""
    kinds.register("outage_told", _told, _is_concerned)
    kinds.register("outage_over", _over, _heard_of_trouble)
    kinds.register("outage_credited", _credited, _has_credit)
    kinds.register("outage_credit_undone", _undone, lambda user, context: not user.is_banned)


def _subscription(context: Context) -> Subscription:
    return Subscription.objects.get(pk=context["subscription_id"])


def _outage(context: Context) -> Outage:
    return Outage.objects.select_related("panel").get(pk=context["outage_id"])


def _is_concerned(user: User, context: Context) -> bool:
    return not user.is_banned and not _subscription(context).is_disabled


def _heard_of_trouble(user: User, context: Context) -> bool:
    """Not, if news of the trouble was sent so late that it told of the end as well."""
    key = f"outage_told:{context['outage_id']}:{context['subscription_id']}"
    told = OutboxMessage.objects.filter(dedupe_key=key, sent_at__lt=_outage(context).ended_at)
    return _is_concerned(user, context) and told.exists()


def _has_credit(user: User, context: Context) -> bool:
    return not user.is_banned and _outage(context).credit == Outage.Credit.GIVEN


def _told(user: User, context: Context) -> Rendered:
    outage = _outage(context)
    if outage.ended_at is not None:
        return _over(user, context)
    heading = _("There is trouble with the VPN%(place)s") % {"place": _place(outage)}
    text = _(
        "Since %(began)s it may not connect. We are at it. You need not change anything: "
        "your key works again as soon as the server is back."
    ) % {"began": shown_time(outage.began_at)}
    return _card("🛠", heading, text)


def _over(user: User, context: Context) -> Rendered:
    outage = _outage(context)
    heading = _("The VPN works again%(place)s") % {"place": _place(outage)}
    text = _("From %(began)s to %(ended)s it could not connect. We are sorry for that.")
    times = {"began": shown_time(outage.began_at), "ended": shown_time(outage.ended_at or clock.now())}
    return _card("✅", heading, text % times)


def _place(outage: Outage) -> str:
    return f" ({escape(outage.panel.location)})" if outage.panel.location else ""


def _credited(user: User, context: Context) -> Rendered:
    days = _outage(context).credit_days
    heading = ngettext("We gave you %(days)d day", "We gave you %(days)d days", days) % {"days": days}
    text = _("For the time the VPN did not work. Your subscription now works until %(time)s.")
    return _card("🎁", heading, text % {"time": shown_time(_subscription(context).expires_at)})


def _undone(user: User, context: Context) -> Rendered:
    text = _("They were given by mistake. Your subscription works until %(time)s.")
    ends = shown_time(_subscription(context).expires_at)
    return _card("↩️", _("The days given for an outage were taken back"), text % {"time": ends})


def _card(sign: str, heading: str, text: str) -> Rendered:
    profile, menu = Button(_("👤 My profile"), action="profile"), Button(_("☰ Menu"), action="menu")
    return Rendered(text=f"{sign} <b>{heading}</b>\n{text}", buttons=((profile, menu),))
