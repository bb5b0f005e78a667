"""Verbs over desired access, and over panels as staff run them; the reconciler brings the panels there.

For a customer's access the caller holds the customer's lock (`accounts.services.lock_customer`) and the
transaction.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db.models import F, Q

from accounts.models import User
from core import clock
from core.nudges import nudge
from vpnpanel.choosing import selling
from vpnpanel.errors import NoSuchLocation
from vpnpanel.models import Access, Panel, PanelAccount, PanelGroup
from vpnpanel.services import backlog, usage
from vpnpanel.services.near_limits import read_traffic as read_traffic
from vpnpanel.services.outages import affected_by as affected_by
from vpnpanel.services.outages import settle_outage as settle_outage
from vpnpanel.services.placement import ended_before

RECONCILE = "vpnpanel.tasks.reconcile_access"
RECONCILE_DUE = "vpnpanel.tasks.reconcile_due"
TERMS = frozenset(
    {
        "until",
        "traffic_limit",
        "devices",
        "is_enabled",
        "is_gone",
        "announce",
        "panel_count",
        "enforces_devices",
        "location",
        "location_chosen_at",
    }
)


def open_access(
    customer: User,
    *,
    until: datetime,
    traffic_limit: int,
    devices: int,
    groups: Iterable[PanelGroup],
    panel_count: int = 1,
    enforces_devices: bool = False,
    announce: bool = True,
) -> Access:
    """Want an account for the customer on a panel of `groups`; tell them once it works if `announce`."""
    access = Access.objects.create(
        user=customer,
        until=until,
        traffic_limit=traffic_limit,
        devices=devices,
        panel_count=panel_count,
        enforces_devices=enforces_devices,
        announce=announce,
        changed_at=clock.now(),
    )
    access.groups.add(*groups)
    nudge(RECONCILE, access.pk)
    return access


def change_access(access_id: int, **terms: Any) -> None:
    """Change what is wanted: any of the TERMS, and the `groups` of panels it may live on.

    Safe to repeat. Applied as soon as the panel can, newest change first.
    """
    groups = terms.pop("groups", None)
    unknown = set(terms) - TERMS
    if unknown:
        raise TypeError(f"no such term of access: {', '.join(sorted(unknown))}")
    Access.objects.filter(pk=access_id).update(
        generation=F("generation") + 1,
        is_dirty=True,
        changed_at=clock.now(),
        next_try_at=None,
        attempts=0,
        **terms,
    )
    if groups is not None:
        Access(pk=access_id).groups.set([group.pk for group in groups])
    nudge(RECONCILE, access_id)


def rotate_keys(access_id: int) -> None:
    """Have every account of the access get other keys; whoever holds the old ones is cut off.

    Each call makes other keys, once on each panel, however often the call to it is repeated.
    """
    Access.objects.filter(pk=access_id).update(key_epoch=F("key_epoch") + 1)
    change_access(access_id)


def locations_for(access_id: int) -> dict[str, int]:
    """Return the locations an access may live at, by name, each with the key of a panel there.

    Those of panels of its groups that take it now, and where it lives already. One query.
    """
    of_its_groups = Panel.objects.filter(groups__access=access_id).exclude(location="")
    lives = PanelAccount.objects.filter(access=access_id, placement__in=PanelAccount.LIVE)
    offered = of_its_groups.filter(Q(pk__in=selling().values("pk")) | Q(pk__in=lives.values("panel")))
    return dict(offered.order_by("location", "-pk").values_list("location", "pk"))


def choose_location(access_id: int, location: str) -> bool:
    """Let the access live at another location, anywhere for an empty one; tell whether that changed anything.

    Where it lives now it stays until the new place works, or where no panel of the location takes it.
    Raises NoSuchLocation unless the location is offered.
    """
    if location and location not in locations_for(access_id):
        raise NoSuchLocation(f"no panel at {location!r} takes access {access_id}")
    if not Access.objects.filter(pk=access_id).exclude(location=location).exists():
        return False
    change_access(access_id, location=location, location_chosen_at=clock.now())
    return True


def request_reconcile(access_ids: Iterable[int]) -> int:
    """Have accesses compared with their panels again now; returns how many there are."""
    keys = list(access_ids)
    backlog.mark_dirty(keys)
    for key in keys[:50]:
        nudge(RECONCILE, key)
    return len(keys)


def remove_long_ended() -> int:
    """Have the accounts removed whose access ended longer ago than the retention rule keeps them.

    Returns how many accesses that is. A renewal later gets a new account under a new name.
    """
    over = Access.objects.filter(until__lt=ended_before(clock.now()), is_dirty=False)
    live = over.filter(accounts__placement__in=PanelAccount.LIVE).distinct()
    return backlog.mark_dirty(list(live.values_list("pk", flat=True)))


def links_of(access_id: int) -> list[str]:
    """Return the keys that panels serve, or served when last seen, for the access."""
    serving = PanelAccount.objects.filter(access=access_id, placement=PanelAccount.Placement.SERVING)
    return [link for links in serving.order_by("pk").values_list("links", flat=True) for link in links]


def traffic_by_day(access_ids: Iterable[int], *, days: int) -> dict[int, list[tuple[date, int]]]:
    """Return by access the bytes of each of the last `days`, today the last one, 0 for none. One query."""
    return usage.by_day(access_ids, days=days, until=usage.day_of(clock.now()))
