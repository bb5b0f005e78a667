"""Nudges from where nobody can wait: a thread of its own sends them, one for all that come at once.

A broker that is away may hold its caller up for seconds; a web worker that answers hundreds of notices a
second has not even a millisecond for it.
"""

import threading
import time

from django.db import transaction

from core.nudges import send

PAUSE_SECONDS = 0.1


class BurstNudge:
    """The nudge of one task, sent soon after commit by a thread of this process."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """After commit, have the task nudged once; returns at once. What is lost, a sweep makes up for."""
        transaction.on_commit(self._wake)

    def _wake(self) -> None:
        self._wanted.set()
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send, name=f"nudge {self._task}", daemon=True)
                self._thread.start()

    def _send(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            send(self._task)
            time.sleep(PAUSE_SECONDS)
