"""How long an account that others replaced serves on: apps learn of the new one when they refresh."""

from collections.abc import Callable
from datetime import datetime, timedelta

from core import rules
from vpnpanel.models import MoveItem, PanelRules

# One refresh may fall into a tunnel; who misses two has other troubles.
REFRESHES = 2
UPDATE_HOURS = 12

_update_hours: list[Callable[[], int]] = []


def register_update_hours(answer: Callable[[], int]) -> None:
    """Let the room that answers apps say after how many hours they refresh."""
    _update_hours[:] = [answer]


def default_hours() -> int:
    """Return for how many hours a replaced account serves on, unless staff chose otherwise for a move."""
    chosen = rules.read(PanelRules).grace_hours
    if chosen is not None:
        return chosen
    return REFRESHES * (_update_hours[0]() if _update_hours else UPDATE_HOURS)


def end_of_grace(item: MoveItem | None, now: datetime) -> datetime | None:
    """Return until when an account that is replaced now serves on; None if it is to go at once."""
    hours = item.move.grace_hours if item else default_hours()
    return now + timedelta(hours=hours) if hours else None
