"""Starts the demo's processes, starts again what dies, and leaves nothing behind when it stops."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A process that ran this long was well: its next death starts the pauses from the shortest again.
WELL_AFTER_SECONDS = 60.0
LOG_BYTES = 5_000_000


def die_with_parent() -> None:
    """Ask the kernel to end this process if the supervisor is killed, so that no role is left running."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One process of the demo, and what became of its earlier lives."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    next_start_at: float | None = None
    log_offset: int = field(default=0, init=False)

    def start(self) -> None:
        """Start it in a process group of its own: Ctrl-C in the terminal then reaches the supervisor only."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old"))
        with self.log.open("ab") as output:
            self.log_offset = output.tell()
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.started_at = time.monotonic()
        self.next_start_at = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def output(self) -> str:
        """Return what it wrote since its last start."""
        with self.log.open("rb") as stream:
            stream.seek(self.log_offset)
            return stream.read().decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.is_alive():
            self.process.send_signal(number)

    def kill_group(self) -> None:
        """End what is left of its process group. Safe to repeat."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


class Supervisor:
    """Minds the children. For the main thread only: the kernel ties them to the thread that starts them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.children: dict[str, Child] = {}
        self._say = say

    def start(self, name: str, command: Sequence[str], log: Path) -> Child:
        child = self.children[name] = Child(name, command, log)
        child.start()
        return child

    def mind(self) -> None:
        """Look at every child once: note a death, start again what has waited long enough."""
        now = time.monotonic()
        for child in self.children.values():
            if child.next_start_at is not None:
                if now >= child.next_start_at:
                    child.start()
            elif not child.is_alive():
                self._note_death(child, now)

    def _note_death(self, child: Child, now: float) -> None:
        assert child.process is not None
        child.deaths = 1 if now - child.started_at > WELL_AFTER_SECONDS else child.deaths + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (child.deaths - 1), LONGEST_PAUSE_SECONDS)
        child.next_start_at = now + pause
        code = child.process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        child.kill_group()
        self._say(f"{child.name} {how}: starting it again in {pause:.0f} s (see {child.log}).")

    def stop(self, names: Sequence[str], seconds: float) -> None:
        """Ask these to stop, wait at most `seconds`, then kill what is left. Safe to repeat."""
        leaving = [self.children[name] for name in names if name in self.children]
        for child in leaving:
            child.next_start_at = None
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while any(child.is_alive() for child in leaving) and time.monotonic() < deadline:
            time.sleep(0.02)
        for child in leaving:
            if child.is_alive():
                self._say(f"{child.name} did not stop in {seconds:.0f} s: killed.")
            child.kill_group()
            del self.children[child.name]
