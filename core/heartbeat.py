"""A sign of life for the roles nobody can ask over HTTP; deploy/health.py reads it."""

import logging
import os
import tempfile
import time
from pathlib import Path

log = logging.getLogger(__name__)

EVERY_SECONDS = 10
_touched: dict[str, float] = {}


def still_turning(role: str) -> None:
    """Note that the main loop of `role` turns. Cheap: touches a file at most every ten seconds.

    A file that cannot be written is logged: the role then looks ill, but goes on with its work.
    """
    now = time.monotonic()
    if now - _touched.get(role, -EVERY_SECONDS) < EVERY_SECONDS:
        return
    _touched[role] = now
    # The user's number keeps two users of one machine out of each other's files.
    mark = Path(tempfile.gettempdir()) / f"shop-{os.getuid()}-{role}-alive"
    try:
        mark.touch()
    except OSError as failed:
        log.warning("no sign of life from %s: %s", role, failed)
