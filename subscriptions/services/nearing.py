"""Subscriptions whose traffic is nearly used up are looked at between full syncs."""

from django.db.models import Exists, F, Min, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from core import clock
from subscriptions.models import Subscription
from vpnpanel import services as vpnpanel
from vpnpanel.models import Panel, PanelAccount

MOST_AT_ONCE = 5000
LETS_THROUGH = "active"  # what every kind of panel says of an account that works


def read_near_limit() -> int:
    """Read the accounts of subscriptions that used four fifths of their traffic, since it last started anew.

    Whoever used up everything is read until no panel lets them through. Of more than can be read at once
    those go first who were read longest ago; panels that are away are not waited for. Returns how many
    accounts were read. One query finds them, however many there are.
    """
    open_ones = PanelAccount.objects.in_use().filter(
        access=OuterRef("access"),
        observed_status=LETS_THROUGH,
        panel__is_up=True,
        panel__state__in=Panel.SERVING,
    )
    of_access = PanelAccount.objects.filter(access=OuterRef("access")).order_by().values("access")
    used = Coalesce(Subquery(of_access.annotate(total=Sum("used_bytes")).values("total")), 0)
    limited = Subscription.objects.filter(
        Exists(open_ones),
        state=Subscription.State.ACTIVE,
        expires_at__gt=clock.now(),
        access__is_enabled=True,
        access__traffic_limit__gt=0,
    )
    near = limited.annotate(fifths=5 * used - F("allowance_from")).filter(
        fifths__gte=4 * F("access__traffic_limit")
    )
    read_at = Subquery(open_ones.order_by().values("access").annotate(at=Min("observed_at")).values("at"))
    longest_ago = near.order_by(read_at.asc(nulls_first=True), "pk")
    return vpnpanel.read_traffic(longest_ago.values_list("access_id", flat=True)[:MOST_AT_ONCE])
