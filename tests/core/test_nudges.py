"""A nudge reaches the worker's queue from wherever it is given, and its loss harms nothing."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from celery import current_app
from django.db import transaction

from core.nudges import nudge

TASK = "vpnpanel.tasks.reconcile_access"

pytestmark = pytest.mark.django_db


@pytest.fixture
def queued():
    """The arguments of what waits in the queue of sales; emptied first."""

    def take() -> list[list[int]]:
        arguments = []
        with (
            current_app.connection_for_read() as broker,
            broker.SimpleQueue("fast", no_ack=True) as queue,
            suppress(queue.Empty),
        ):
            while True:
                arguments.append(queue.get_nowait().payload[0])
        return arguments

    take()
    return take


def test_nudge_waits_for_the_commit(queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        nudge(TASK, 7)
        assert queued() == []
    assert queued() == [[7]]


def test_nudge_from_another_thread_reaches_the_same_queue(queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        nudge(TASK, 8)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(callbacks[0]).result()
    assert queued() == [[8]]


def test_nudge_of_a_change_that_is_undone_is_never_sent(queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(RuntimeError), transaction.atomic():
        nudge(TASK, 9)
        raise RuntimeError
    assert queued() == []
