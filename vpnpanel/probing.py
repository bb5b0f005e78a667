"""Asking panels whether they are there."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from core.said import Sentence, said
from vpnpanel.connections import ask
from vpnpanel.drivers.base import Figures
from vpnpanel.errors import PanelError
from vpnpanel.models import Panel

log = logging.getLogger(__name__)

THREADS = 8


@dataclass(frozen=True)
class Look:
    """What one panel answered: figures, or why there are none."""

    panel: Panel
    figures: Figures | None
    error: Sentence | str


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
        return Look(panel, None, failed.sentence)
    except Exception as failed:  # one panel whose answers cannot be read must not keep the others waiting
        log.exception("panel %s: the driver broke", panel.pk)
        return Look(panel, None, said("the driver broke: %(error)s", error=type(failed).__name__))


def look_at_all(panels: Iterable[Panel]) -> Iterator[Look]:
    """Ask panels side by side and yield what comes as it comes: one that hangs keeps nobody waiting."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="probe") as pool:
        for asked in as_completed([pool.submit(look, panel) for panel in panels]):
            yield asked.result()
