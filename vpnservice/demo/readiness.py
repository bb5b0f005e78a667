"""Asks each part of the demo whether it answers, and waits until all do."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

ASK_SECONDS = 2.0
PAUSE_SECONDS = 0.1


def answers(url: str) -> bool:
    """Tell whether the address gives a 2xx now."""
    try:
        with urllib.request.urlopen(url, timeout=ASK_SECONDS) as answer:
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def wait_for_all(
    checks: Mapping[str, Callable[[], bool]], *, seconds: float, meanwhile: Callable[[], None]
) -> list[str]:
    """Wait until every check holds; return the names of those that still did not after `seconds`."""
    waiting = dict(checks)
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        meanwhile()
        waiting = {name: check for name, check in waiting.items() if not check()}
        if waiting:
            time.sleep(PAUSE_SECONDS)
    return list(waiting)
