"""Panels that stop answering: one call notices, everything on the panel waits, a probe ends it."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from core import clock
from core.services import require_installation
from vpnpanel import backlog
from vpnpanel.connections import ask
from vpnpanel.drivers.base import Figures
from vpnpanel.errors import PanelError
from vpnpanel.models import Panel

log = logging.getLogger(__name__)

THREADS = 4


@dataclass(frozen=True)
class Look:
    """What one panel answered: figures, or why there are none."""

    panel: Panel
    figures: Figures | None
    error: str


def look(panel: Panel) -> Look:
    """Ask a panel about itself; touches no database, so it may run in any thread.

    A panel that was well is asked again before it counts as away: everybody on it would have to wait.
    """
    seen = _look(panel)
    return seen if seen.figures is not None or not panel.is_up else _look(panel)


def _look(panel: Panel) -> Look:
    try:
        return Look(panel, ask(panel, lambda driver: driver.figures()), "")
    except PanelError as failed:
        return Look(panel, None, str(failed))


def look_at_all(panels: Iterable[Panel]) -> list[Look]:
    """Ask panels side by side, so that one that hangs does not keep the others waiting."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="probe") as pool:
        return list(pool.map(look, panels))


def probe() -> list[Panel]:
    """Look at every panel that is not switched off; return those that came back, their backlog released."""
    require_installation()
    looks = look_at_all(Panel.objects.exclude(state=Panel.State.OFF))
    back = [seen.panel for seen in looks if _note(seen)]
    backlog.release_misplaced()
    return back


def read_figures() -> int:
    """Keep what each panel says of itself; return how many answered."""
    require_installation()
    looks = look_at_all(Panel.objects.exclude(state=Panel.State.OFF))
    for seen in looks:
        _note(seen)
        if seen.figures is not None:
            keep_figures(seen.panel, seen.figures)
    return sum(seen.figures is not None for seen in looks)


def keep_figures(panel: Panel, figures: Figures) -> None:
    """Keep what a panel said of itself."""
    kept = {"accounts": figures.accounts, "online": figures.online, "details": figures.details}
    Panel.objects.filter(pk=panel.pk).update(
        figures=kept, figures_at=clock.now(), version=figures.version, dialect=figures.dialect
    )


def _note(seen: Look) -> bool:
    """Write down whether the panel answers; tell whether it has come back."""
    if seen.figures is None:
        mark_down(seen.panel.pk, seen.error)
        return False
    Panel.objects.filter(pk=seen.panel.pk).update(seen_at=clock.now())
    if seen.panel.figures_at is None:  # a new panel: staff need not wait for the next reading
        keep_figures(seen.panel, seen.figures)
    return mark_up(seen.panel)


def mark_up(panel: Panel) -> bool:
    """Let what waits for the panel go on; tell whether it had been down. Safe to repeat."""
    was_down = Panel.objects.filter(pk=panel.pk, is_up=False)
    is_back = was_down.update(is_up=True, up_changed_at=clock.now(), error="")
    if is_back:
        log.info("panel %s answers again", panel)
        backlog.release(panel)
    return bool(is_back)


def mark_down(panel_id: int, error: str) -> None:
    """Have everything on the panel wait for the probe. Safe to repeat."""
    went_down = Panel.objects.filter(pk=panel_id, is_up=True).update(
        is_up=False, up_changed_at=clock.now(), error=error
    )
    if went_down:
        log.warning("panel %s does not answer: %s", panel_id, error)
    else:
        Panel.objects.filter(pk=panel_id).exclude(error=error).update(error=error)
