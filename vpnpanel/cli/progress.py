"""A bar on a terminal: how far, how many, how long still. Silent where nobody watches."""

import time
from types import TracebackType
from typing import Self, TextIO

WIDTH = 28
BETWEEN_SECONDS = 0.1


class Progress:
    """Use with `with`, and call `show` as often as you like: it draws ten times a second at most."""

    def __init__(self, label: str, stream: TextIO) -> None:
        self._label, self._stream = label, stream
        self._is_watched = stream.isatty()
        self._began_at = time.monotonic()
        self._drawn_at = 0.0
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave a clean line behind, for what is said next."""
        if self._length:
            self._stream.write("\r" + " " * self._length + "\r")
            self._stream.flush()

    def show(self, done: int, total: int | None) -> None:
        """Draw how far it is; without a total only how many are done."""
        now = time.monotonic()
        if not self._is_watched or now - self._drawn_at < BETWEEN_SECONDS:
            return
        self._drawn_at = now
        line = self.line(done, total, now - self._began_at)
        self._stream.write("\r" + line.ljust(self._length))
        self._stream.flush()
        self._length = len(line)

    def line(self, done: int, total: int | None, seconds: float) -> str:
        """Return what is drawn after so many seconds."""
        if not total:
            return f"{self._label} {done}"
        share = min(done / total, 1.0)
        full = int(share * WIDTH)
        bar = "#" * full + "." * (WIDTH - full)
        left = f", {seconds * (1 - share) / share:.0f} s left" if 0 < share < 1 else ""
        return f"{self._label} [{bar}] {share:4.0%} {done}/{total}{left}"
