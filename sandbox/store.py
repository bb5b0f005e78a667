"""Keeps the sandbox's state in one file, so that a demo goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.standin import StandIn

DEBOUNCE_SECONDS = 0.5
# A big state is saved at most this share of the time, whatever the load.
SAVING_SHARE = 0.05


class SnapshotUnreadable(Exception):
    """The saved state cannot be used."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"The sandbox's saved state {path} cannot be read. Delete it to start anew.")


class Store:
    """Saves all stand-ins soon after a change and at the end; the file is replaced whole or not at all."""

    def __init__(self, path: Path, stand_ins: Sequence[StandIn]) -> None:
        self.path = path
        self._stand_ins = {stand_in.name: stand_in for stand_in in stand_ins}
        self._pending: asyncio.TimerHandle | None = None
        self._wait = DEBOUNCE_SECONDS

    def load(self) -> None:
        """Give each stand-in its saved state; a missing file is a fresh start.

        Raises SnapshotUnreadable if the file is broken or another version's.
        """
        if not self.path.exists():
            return
        try:
            states = json.loads(self.path.read_text())["stand_ins"]
            for name, stand_in in self._stand_ins.items():
                if name in states:
                    stand_in.load(states[name])
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise SnapshotUnreadable(self.path) from error

    def changed(self) -> None:
        """Ask for a save soon. Cheap: called on every change."""
        if self._pending is None:
            self._pending = asyncio.get_running_loop().call_later(self._wait, self.save)

    def save(self) -> None:
        """Write the file now, by way of a temporary one."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        began = time.monotonic()
        states: dict[str, Any] = {name: stand_in.dump() for name, stand_in in self._stand_ins.items()}
        text = json.dumps({"saved_at": time.time(), "stand_ins": states})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(self.path.name + ".part")
        temporary.write_text(text)
        os.chmod(temporary, 0o600)
        os.replace(temporary, self.path)
        self._wait = max(DEBOUNCE_SECONDS, (time.monotonic() - began) / SAVING_SHARE)
