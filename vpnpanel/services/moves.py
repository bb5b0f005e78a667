"""Planned moves: verbs of staff, and the work that takes them forward.

All of a move is in its rows. The work only says whose turn it is (`MoveItem`) and marks those accesses; the
reconciler, the only writer to panels, makes the new account, lets the old one go once that one works, and
ends the item in the same transaction. So a kill at any point leaves nothing to repair: the next round goes
on.
"""

from dataclasses import asdict
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.services import note
from core import clock
from core.nudges import nudge
from core.said import Sentence, said
from core.services import require_installation
from vpnpanel.choosing import selling
from vpnpanel.errors import CannotMove
from vpnpanel.grace import default_hours
from vpnpanel.models import LONGEST_GRACE_HOURS, MOST_IN_FLIGHT, Move, MoveItem, Panel, PanelAccount
from vpnpanel.previews import fitting_on, preview, problem_of
from vpnpanel.services import backlog

WORK = "vpnpanel.tasks.work_moves"
# Several tries of the reconciler; who is not there by then stays where they are.
PATIENCE = timedelta(minutes=5)

State = Move.State
Item = MoveItem.State


@transaction.atomic
def start_move(
    source_id: int, target_id: int | None, *, batch: int, actor: str, grace_hours: int | None = None
) -> Move:
    """Begin to move the customers of a panel to another one, or to wherever their groups have room.

    A source that is open takes nobody new from now on. Old accounts serve on for `grace_hours`, as long as
    the rules for panels say for None. Raises CannotMove, with the reason.
    """
    source = Panel.objects.select_for_update(no_key=True).get(pk=source_id)
    target = Panel.objects.get(pk=target_id) if target_id else None
    if not 1 <= batch <= MOST_IN_FLIGHT:
        raise CannotMove(_("move between 1 and %(most)d customers at a time") % {"most": MOST_IN_FLIGHT})
    grace_hours = default_hours() if grace_hours is None else grace_hours
    if not 0 <= grace_hours <= LONGEST_GRACE_HOURS:
        raise CannotMove(
            _("old servers serve on between 0 and %(most)d hours") % {"most": LONGEST_GRACE_HOURS}
        )
    if Move.objects.filter(source=source, state__in=Move.OPEN).exists():
        raise CannotMove(_("a move away from %(panel)s is under way already") % {"panel": source})
    if problem := problem_of(source, target):
        raise CannotMove(problem)
    if source.state == Panel.State.OPEN:
        Panel.objects.filter(pk=source.pk).update(state=Panel.State.DRAINING)
        note(None, "panel.state", actor=actor, subject=f"panel:{source.pk}", data={"state": "draining"})
    total = preview(source, target).fitting
    move = Move.objects.create(
        source=source, target=target, batch=batch, grace_hours=grace_hours, asked_by=actor, total=total
    )
    _note(move, "started", actor)
    nudge(WORK)
    return move


@transaction.atomic
def pause(move_id: int, *, actor: str) -> bool:
    """Begin with nobody more; who is under way arrives. Tell whether that changed anything.

    Only staff end it, see `resume`.
    """
    move = _lock(move_id)
    if move.state not in (State.RUNNING, State.WAITING):
        return False
    _set(move, state=State.PAUSED, why={})
    _note(move, "paused", actor)
    return True


@transaction.atomic
def resume(move_id: int, *, actor: str) -> bool:
    """Go on with a move that was paused; tell whether that changed anything."""
    move = _lock(move_id)
    if move.state != State.PAUSED:
        return False
    _go_on(move)
    _note(move, "resumed", actor)
    nudge(WORK)
    return True


@transaction.atomic
def cancel(move_id: int, *, actor: str) -> bool:
    """End a move: who has moved stays, who is under way stays where they were. Tell whether it was open."""
    move = _lock(move_id)
    if move.state not in Move.OPEN:
        return False
    _withdraw(move)
    _set(move, state=State.CANCELLED, why={}, finished_at=clock.now())
    _note(move, "cancelled", actor)
    return True


@transaction.atomic
def roll_back(move_id: int, *, actor: str) -> bool:
    """Bring everybody back whom the move took away, each to an account that works before the other leaves:
    the old one while that still serves, otherwise a new one.

    Tell whether that changed anything. Raises CannotMove if the panel they left does not serve any more.
    """
    move = _lock(move_id)
    if move.is_back:
        return False
    if move.source.state not in Panel.SERVING:
        raise CannotMove(_("%(panel)s does not serve any more") % {"panel": move.source})
    others = Move.objects.filter(source=move.source, state__in=Move.OPEN).exclude(pk=move.pk)
    if others.exists():
        raise CannotMove(_("another move away from %(panel)s is under way") % {"panel": move.source})
    _withdraw(move)
    total = move.items.filter(state=Item.MOVED).count()
    _set(move, state=State.RUNNING, is_back=True, why={}, total=total, finished_at=None)
    _note(move, "rolled_back", actor)
    nudge(WORK)
    return True


def take_forward() -> int:
    """Take each move that runs one step forward; return how many customers are under way. Safe to repeat.

    One with something in its way waits until that is over. Of those that are paused only who arrives all the
    same is counted.
    """
    keys = list(Move.objects.filter(state__in=Move.OPEN).order_by("pk").values_list("pk", flat=True))
    if not keys:
        return 0
    require_installation()
    return sum(_step(key) for key in keys)


@transaction.atomic
def _step(move_id: int) -> int:
    """Give up on who is stuck, begin with the next, note how far it is; return how many are under way.

    Accesses are locked before items, as the reconciler does.
    """
    move = _lock(move_id)
    if move.state == State.PAUSED:
        _count(move)
    if move.state not in (State.RUNNING, State.WAITING):
        return 0
    if trouble := _trouble(move):
        _count(move)
        _set(move, state=State.WAITING, why=asdict(trouble))
        return 0
    if move.state == State.WAITING:
        _go_on(move)
    given_up = _give_up(move)
    under_way = _under_way(move).count()
    if given_up and not under_way and given_up >= move.batch:
        _set(move, state=State.PAUSED, why=asdict(_last_error(move)))
    else:
        begin = _begin_back if move.is_back else _begin
        under_way += begin(move, min(move.batch - under_way, _room(move)))
    _count(move)
    if move.state == State.RUNNING and not under_way:
        is_over = State.ROLLED_BACK if move.is_back else State.DONE
        _set(move, state=is_over, finished_at=clock.now())
    return under_way if move.state == State.RUNNING else 0


def _go_on(move: Move) -> None:
    """Let the move run again; who is under way has as long as if they had just begun."""
    _under_way(move).update(started_at=clock.now())
    _set(move, state=State.RUNNING, why={})


def _trouble(move: Move) -> Sentence | None:
    """Return why nobody can be moved now; None if they can."""
    goal = move.source if move.is_back else move.target
    if goal is None:
        is_room = selling().exclude(pk=move.source_id).exists()
        return None if is_room else said("no panel is open, answers and has room")
    if goal.state not in Panel.SERVING:
        return said("%(panel)s does not serve any more", panel=goal.name)
    if not goal.is_up:
        return said("%(panel)s does not answer: %(error)s", panel=goal.name, error=goal.error)
    if not goal.takes_changes:
        return said("%(panel)s answers but takes no changes", panel=goal.name)
    is_full = bool(goal.capacity) and goal.load >= goal.capacity
    return said("%(panel)s is full", panel=goal.name) if is_full and not _under_way(move).exists() else None


def _room(move: Move) -> int:
    goal = move.source if move.is_back else move.target
    if goal is None or not goal.capacity:
        return MOST_IN_FLIGHT
    coming = _under_way(move).filter(to_account__isnull=True).count() if not move.is_back else 0
    return max(goal.capacity - goal.load - coming, 0)


def _give_up(move: Move) -> int:
    late = _under_way(move).filter(started_at__lt=clock.now() - PATIENCE).select_related("access")
    items = list(late.order_by("access_id"))
    backlog.mark_dirty([item.access_id for item in items])
    for item in items:
        error = item.access.error or said("no panel takes it, or its new account does not work yet")
        still = MoveItem.objects.filter(pk=item.pk, state=item.state)
        still.update(state=Item.FAILED, error=error, finished_at=clock.now())
    return len(items)


def _begin(move: Move, count: int) -> int:
    tried = MoveItem.objects.filter(access=OuterRef("access"), move=move)
    elsewhere = MoveItem.objects.filter(access=OuterRef("access"), state__in=MoveItem.OPEN)
    if count <= 0:
        return 0
    accounts = fitting_on(move.source, move.target).filter(~Exists(tried), ~Exists(elsewhere))
    now = clock.now()
    items = [
        MoveItem(move=move, access_id=account.access_id, from_account=account, started_at=now)
        for account in accounts.order_by("pk").only("pk", "access")[:count]
    ]
    MoveItem.objects.bulk_create(items)
    backlog.mark_dirty([item.access_id for item in items])
    return len(items)


def _begin_back(move: Move, count: int) -> int:
    elsewhere = MoveItem.objects.filter(access=OuterRef("access"), state__in=MoveItem.OPEN)
    if count <= 0:
        return 0
    moved = move.items.filter(state=Item.MOVED).filter(~Exists(elsewhere))
    lives = Q(to_account__placement__in=PanelAccount.LIVE)
    # Who has left the account we made, or never had one, has nothing to come back from.
    moved.exclude(lives).update(state=Item.RETURNED, started_at=clock.now(), error="")
    items = dict(moved.filter(lives).order_by("pk").values_list("pk", "access_id")[:count])
    backlog.mark_dirty(items.values())
    still = MoveItem.objects.filter(lives, pk__in=list(items))  # looked at again with their accesses locked
    return still.update(state=Item.RETURNING, started_at=clock.now(), error="")


def _withdraw(move: Move) -> None:
    """Leave who is under way where they were."""
    items = list(_under_way(move).order_by("access_id"))
    backlog.mark_dirty([item.access_id for item in items])
    for item in items:
        state = Item.WITHDRAWN if item.state == Item.MOVING else Item.MOVED
        still = MoveItem.objects.filter(pk=item.pk, state=item.state)
        still.update(state=state, finished_at=clock.now())
    _count(move)


def _under_way(move: Move) -> QuerySet[MoveItem]:
    return MoveItem.objects.filter(move=move, state__in=MoveItem.OPEN)


def _last_error(move: Move) -> Sentence:
    failed = move.items.filter(state=Item.FAILED).exclude(error="").order_by("-finished_at").first()
    if failed is None:
        return said("nobody could be moved")
    return said("nobody of the last ones could be moved: %(error)s", error=failed.error)


def _count(move: Move) -> None:
    rows = move.items.order_by().values("state").annotate(n=Count("pk")).values_list("state", "n")
    counts = dict(rows)
    back = counts.get(Item.RETURNED, 0) + counts.get(Item.RETURNING, 0)
    _set(
        move,
        moved=counts.get(Item.MOVED, 0) + back,
        failed=counts.get(Item.FAILED, 0),
        returned=counts.get(Item.RETURNED, 0),
    )


def _lock(move_id: int) -> Move:
    Move.objects.select_for_update(no_key=True).get(pk=move_id)
    return Move.objects.select_related("source", "target").get(pk=move_id)


def _set(move: Move, **values: object) -> None:
    for name, value in values.items():
        setattr(move, name, value)
    Move.objects.filter(pk=move.pk).update(**values)


def _note(move: Move, what: str, actor: str) -> None:
    data = {"from": move.source.name, "to": move.target.name if move.target else "", "moved": move.moved}
    note(None, f"move.{what}", actor=actor, subject=f"move:{move.pk}", data=data)
