"""Leaving alone for a moment what just failed, so that its time-out is not waited for by everybody."""

import time


class Pause:
    """On for some seconds after each `begin`, in this process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self._until

    def begin(self) -> None:
        self._until = time.monotonic() + self._seconds

    def end(self) -> None:
        self._until = 0.0
