"""A nudge reaches the worker's queue from wherever it is given, and its loss harms nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction

from core.nudges import nudge

TASK = "vpnpanel.tasks.reconcile_access"

pytestmark = pytest.mark.django_db


def test_nudge_waits_for_the_commit(queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        nudge(TASK, 7)
        assert queued() == []
    assert queued() == [(TASK, [7])]


def test_nudge_from_another_thread_reaches_the_same_queue(queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        nudge(TASK, 8)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(callbacks[0]).result()
    assert queued() == [(TASK, [8])]


def test_nudge_of_a_change_that_is_undone_is_never_sent(queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(RuntimeError), transaction.atomic():
        nudge(TASK, 9)
        raise RuntimeError
    assert queued() == []
