"""What a planned move would mean, before anybody is moved."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from vpnpanel.choosing import selling
from vpnpanel.models import Access, Move, Panel, PanelAccount

# Until a move has shown how fast these panels are.
CUSTOMERS_PER_SECOND = 2.0
MEASURED_FROM = 20


@dataclass(frozen=True)
class Preview:
    """`customers` live on the source; `fitting` of them may live on the target by their groups.

    `room`: how many accounts the target takes, None for any number; `seconds`: about how long it takes.
    `problem` says why it cannot be started; empty if it can.
    """

    customers: int
    fitting: int
    room: int | None
    seconds: int
    problem: str

    @property
    def outside(self) -> int:
        """How many stay, because the target is in none of their groups."""
        return self.customers - self.fitting

    @property
    def too_many(self) -> int:
        """How many stay, because the target is too small."""
        return max(self.fitting - self.room, 0) if self.room is not None else 0


def preview(source: Panel, target: Panel | None) -> Preview:
    """Return what a move between these panels would mean. At most six queries."""
    live = PanelAccount.objects.filter(panel=source, placement__in=PanelAccount.LIVE)
    fitting = fitting_on(source, target).count()
    return Preview(
        customers=live.count(),
        fitting=fitting,
        room=_room(source, target),
        seconds=round(fitting / _pace()),
        problem=problem_of(source, target),
    )


def problem_of(source: Panel, target: Panel | None) -> str:
    """Return why nobody can be moved from one to the other; empty if they can."""
    if source.state not in Panel.SERVING:
        return _("%(panel)s does not serve: its customers get other panels by themselves") % {"panel": source}
    if target is None:
        found = selling().exclude(pk=source.pk).exists()
        return "" if found else _("no other panel is open, answers and has room")
    if target.pk == source.pk:
        return _("a panel cannot be emptied into itself")
    why = _why_not(target)
    return why % {"panel": target, "state": target.get_state_display().lower()} if why else ""


def _why_not(target: Panel) -> str:
    if target.state not in (Panel.State.OPEN, Panel.State.CLOSED):
        return _("%(panel)s is in the state: %(state)s")
    if target.guard != Panel.Guard.PASSED:
        is_failed = target.guard == Panel.Guard.FAILED
        return _("%(panel)s failed its contract test") if is_failed else _("%(panel)s is being tested")
    if not target.is_up:
        return _("%(panel)s does not answer")
    return "" if target.takes_changes else _("%(panel)s answers but takes no changes")


def fitting_on(source: Panel, target: Panel | None) -> QuerySet[PanelAccount]:
    """Return the accounts on the source whose access may live on the target, or on another that sells."""
    there = Panel.objects.filter(pk=target.pk) if target else selling().exclude(pk=source.pk)
    groups = Access.groups.through.objects.filter(access=OuterRef("access"))
    fits = Exists(groups.filter(panelgroup__panels__in=there.values("pk")))
    return PanelAccount.objects.filter(fits, panel=source, placement__in=PanelAccount.LIVE)


def _room(source: Panel, target: Panel | None) -> int | None:
    panels = [target] if target else list(selling().exclude(pk=source.pk).only("capacity", "load"))
    if any(not panel.capacity for panel in panels):
        return None
    return sum(max(panel.capacity - panel.load, 0) for panel in panels)


def _pace() -> float:
    """Return how many customers the last move of some size took a second."""
    last = Move.objects.filter(state=Move.State.DONE, moved__gte=MEASURED_FROM, is_back=False).first()
    if last is None or last.finished_at is None:
        return CUSTOMERS_PER_SECOND
    return last.moved / max((last.finished_at - last.started_at).total_seconds(), 1.0)
