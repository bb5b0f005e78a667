"""What no change of an access announces: a panel that opened, got room or joined a group could take it now.

The sweep marks them, a bounded number each time, and the reconciler places them when nobody newer waits.
"""

from collections import defaultdict

from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core import clock
from core.services import require_installation
from vpnpanel.choosing import selling
from vpnpanel.models import PICKY, Access, Panel, PanelAccount, PanelGroup
from vpnpanel.services import backlog

MOST_AT_ONCE = 500


def place_missing() -> int:
    """Have accesses placed anew that lack a panel they could have now; return how many.

    A query for each panel that sells and a few more, however many customers there are. They look at those who
    are to have something else than one panel anywhere, and at panels that are not in all groups.
    Safe to repeat.
    """
    require_installation()
    keys: set[int] = set()
    for panels, groups in _groupings():
        keys.update(_outside(panels, groups).values_list("pk", flat=True)[:MOST_AT_ONCE])
    for panel in selling().only("pk", "location", "capacity", "load"):
        room = min(panel.capacity - panel.load, MOST_AT_ONCE) if panel.capacity else MOST_AT_ONCE
        keys.update(_lacking(panel).values_list("pk", flat=True)[:room])
    return backlog.mark_dirty(sorted(keys))


def _settled() -> QuerySet[Access]:
    wanted = Access.objects.filter(is_enabled=True, is_gone=False, until__gt=clock.now())
    return wanted.filter(is_dirty=False).order_by("pk")


def _live() -> QuerySet[PanelAccount]:
    return PanelAccount.objects.filter(access=OuterRef("pk"), placement__in=PanelAccount.LIVE).order_by()


def _lacking(panel: Panel) -> QuerySet[Access]:
    """Return accesses that do not live on the panel though it could take them: on fewer panels than they
    should be, or at another location than was chosen since."""
    count = Subquery(_live().values("access").annotate(n=Count("pk")).values("n"), IntegerField())
    elsewhere = _live().filter(joined_at__lt=OuterRef("location_chosen_at"))
    elsewhere = elsewhere.exclude(panel__location=panel.location)
    lacks = Q(panel_count=0) | Q(Q(panel_count__gt=1), panel_count__gt=Coalesce(count, 0))
    if panel.location:
        lacks |= Q(Exists(elsewhere), panel_count__gt=0, location=panel.location)
    groups = Access.groups.through.objects.filter(
        access=OuterRef("pk"), panelgroup__in=panel.groups.values("pk")
    )
    return _settled().filter(PICKY, lacks, Exists(groups), ~Exists(_live().filter(panel=panel)))


def _groupings() -> list[tuple[list[int], frozenset[int]]]:
    """Return panels by the groups they are in, without those in all of them: nobody there lives outside."""
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for panel, group in Panel.objects.order_by().values_list("pk", "groups"):
        groups[panel] |= {group} if group else set()
    everything = set(PanelGroup.objects.values_list("pk", flat=True))
    panels: defaultdict[frozenset[int], list[int]] = defaultdict(list)
    for panel, own in groups.items():
        panels[frozenset(own)].append(panel)
    return [(alike, own) for own, alike in panels.items() if own != everything]


def _outside(panels: list[int], groups: frozenset[int]) -> QuerySet[Access]:
    """Return accesses of none of these groups that live on one of these panels, which are in no others.

    Only those that a panel of their own groups could take.
    """
    shared = Access.groups.through.objects.filter(access=OuterRef("pk"), panelgroup__in=groups)
    taken = PanelAccount.objects.filter(
        panel=OuterRef("pk"), access=OuterRef(OuterRef("pk")), placement__in=PanelAccount.LIVE
    )
    free = selling().filter(~Exists(taken), groups__access=OuterRef("pk"))
    return _settled().filter(Exists(_live().filter(panel__in=panels)), ~Exists(shared), Exists(free))
