"""Panels that stop answering: one call notices, everything on the panel waits, a probe ends it."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db.models import Q

from core import clock
from core.retention import BATCH
from core.services import require_installation
from vpnpanel.connections import ask
from vpnpanel.drivers.base import Figures
from vpnpanel.errors import PanelError
from vpnpanel.models import Access, Panel, PanelAccount

log = logging.getLogger(__name__)

THREADS = 4


@dataclass(frozen=True)
class Look:
    """What one panel answered: figures, or why there are none."""

    panel: Panel
    figures: Figures | None
    error: str


def look(panel: Panel) -> Look:
    """Ask a panel about itself; touches no database, so it may run in any thread."""
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
    release_leaving()
    return back


def read_figures() -> int:
    """Keep what each panel says of itself; return how many answered."""
    require_installation()
    looks = look_at_all(Panel.objects.exclude(state=Panel.State.OFF))
    for seen in looks:
        _note(seen)
        if seen.figures is not None:
            figures = {
                "accounts": seen.figures.accounts,
                "online": seen.figures.online,
                "details": seen.figures.details,
            }
            Panel.objects.filter(pk=seen.panel.pk).update(
                figures=figures, figures_at=clock.now(), version=seen.figures.version
            )
    return sum(seen.figures is not None for seen in looks)


def _note(seen: Look) -> bool:
    """Write down whether the panel answers; tell whether it has come back."""
    if seen.figures is None:
        mark_down(seen.panel.pk, seen.error)
        return False
    now = clock.now()
    Panel.objects.filter(pk=seen.panel.pk).update(seen_at=now)
    is_back = Panel.objects.filter(pk=seen.panel.pk, is_up=False).update(
        is_up=True, up_changed_at=now, error=""
    )
    if is_back:
        log.info("panel %s answers again", seen.panel)
        release_backlog(seen.panel)
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


def release_backlog(panel: Panel) -> int:
    """Let what waits for this panel be tried at once; return how many accesses that is."""
    waiting = Access.objects.filter(is_dirty=True, next_try_at__isnull=False)
    keys = waiting.filter(Q(accounts__panel=panel) | Q(groups__panels=panel)).distinct()
    return _in_batches(list(keys.values_list("pk", flat=True)), next_try_at=None)


def release_leaving() -> int:
    """Have accounts removed that are still to leave a panel which answers; return how many accesses that is.

    The sweep behind a removal that waited for a panel: such an access is not kept dirty meanwhile.
    """
    leaving = PanelAccount.objects.filter(
        placement=PanelAccount.Placement.LEAVING, panel__is_up=True, access__is_dirty=False
    ).exclude(panel__state=Panel.State.OFF)
    return _in_batches(list(leaving.values_list("access_id", flat=True)), is_dirty=True, next_try_at=None)


def _in_batches(keys: list[int], **values: object) -> int:
    """Update accesses in short transactions: SQLite blocks every other writer meanwhile."""
    for start in range(0, len(keys), BATCH):
        Access.objects.filter(pk__in=keys[start : start + BATCH]).update(**values)
    return len(keys)
