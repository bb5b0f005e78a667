"""What staff are told of panels. Rendered when it is sent, in their language."""

from html import escape
from typing import Any

from django.conf import settings
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from accounts.models import User
from notifications import kinds
from notifications.kinds import Rendered
from vpnpanel.models import Outage

Context = dict[str, Any]


def register_kinds() -> None:
    """Make every message of this room known to the outbox."""
    kinds.register("panel_outage", _panel_outage, _lasts)


def _lasts(user: User, context: Context) -> bool:
    return user.is_staff and Outage.objects.filter(pk=context["outage_id"], ended_at__isnull=True).exists()


def _panel_outage(user: User, context: Context) -> Rendered:
    outage = Outage.objects.select_related("panel").get(pk=context["outage_id"])
    heading = _("Panel %(name)s does not answer") % {"name": escape(outage.panel.name)}
    began = formats.date_format(timezone.localtime(outage.began_at), "j E Y, H:i T")
    since = _("Since %(time)s.") % {"time": began}
    advice = _("There you can tell the customers concerned, and give them days.")
    page = f"{settings.PUBLIC_BASE_URL}/admin/vpnpanel/outage/{outage.pk}/change/"
    return Rendered(f"🚨 <b>{heading}</b>\n{since} {escape(str(outage.error)[:300])}\n{advice}\n{page}")
