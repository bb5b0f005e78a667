"""The folder a demo keeps everything in, so that the next start goes on where this one ends."""

import fcntl
import json
import shutil
from pathlib import Path
from typing import IO


class DemoError(Exception):
    """The demo can't go on; the message is for the person who started it."""


class DemoState:
    """Paths inside the folder (`.demo`, or DEMO_FOLDER), and the lock that one running demo holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = folder / "env"
        self.database = folder / "shop.sqlite3"
        self.broker = folder / "broker"
        self.snapshot = folder / "sandbox.json"
        self.addresses = folder / "addresses.json"
        self.logs = folder / "logs"
        self._lock: IO[str] | None = None

    def prepare(self) -> None:
        """Make the folders, readable by their owner only: they hold keys. Safe to repeat."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.logs, self.broker / "control"):
            folder.mkdir(parents=True, exist_ok=True)

    def lock(self) -> None:
        """Hold the folder until this process ends. Raises DemoError if another demo holds it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = (self.folder / "lock").open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            handle.close()
            raise DemoError(self._who_runs()) from taken
        self._lock = handle

    def _who_runs(self) -> str:
        where = ""
        if self.addresses.exists():
            where = f" at {json.loads(self.addresses.read_text()).get('sandbox', '')}"
        return f"A demo is already running{where}. Stop it with Ctrl-C in its window first."

    def publish(self, addresses: dict[str, str]) -> None:
        """Write addresses.json whole or not at all: scripts take its presence for "all of it answers"."""
        unfinished = self.addresses.with_suffix(".part")
        unfinished.write_text(json.dumps(addresses, indent=2) + "\n")
        unfinished.replace(self.addresses)

    def withdraw(self) -> None:
        """Remove addresses.json. Safe to repeat."""
        self.addresses.unlink(missing_ok=True)

    def wipe(self) -> None:
        """Throw away everything stored. Raises DemoError while a demo runs."""
        if not self.folder.exists():
            return
        self.lock()
        shutil.rmtree(self.folder)
