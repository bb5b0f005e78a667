"""A sweep that takes long does not fill the worker with itself."""

import threading

import pytest

from core.turns import at_most


def test_a_sweep_still_at_work_is_not_started_again():
    begun, go_on = threading.Event(), threading.Event()

    @at_most(1)
    def sweep() -> int:
        begun.set()
        assert go_on.wait(10)
        return 7

    slow = threading.Thread(target=sweep)
    slow.start()
    assert begun.wait(10) and sweep() == 0
    go_on.set()
    slow.join()
    assert sweep() == 7


def test_a_sweep_that_broke_may_run_again():
    @at_most(1)
    def sweep() -> int:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            sweep()
