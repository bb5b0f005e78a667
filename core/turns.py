"""How many runs of a sweep one worker has at a time.

A sweep that takes longer than its interval would otherwise fill every thread of the worker with itself, and
what is urgent would wait for a free one.
"""

from collections.abc import Callable
from functools import wraps
from threading import BoundedSemaphore


def at_most(runs: int) -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Let at most `runs` of the sweep run at once in this process; one more does nothing and returns 0.

    Sweeps that are given the same limit share its turns.
    """
    turns = BoundedSemaphore(runs)

    def limit(sweep: Callable[[], int]) -> Callable[[], int]:
        @wraps(sweep)
        def run() -> int:
            if not turns.acquire(blocking=False):
                return 0
            try:
                return sweep()
            finally:
                turns.release()

        return run

    return limit
