"""The lease helper: nobody takes what another holds, and a late result is dropped. On both databases."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from core import clock
from core.claims import claim, record
from core.models import Job


@pytest.fixture
def rows(db) -> None:
    Job.objects.bulk_create(Job(kind="k", subject=str(number), asked_by="test") for number in range(30))


def take(limit: int = 3, lease_seconds: float = 60):
    return claim(Job.objects.order_by("-id"), limit=limit, lease_seconds=lease_seconds)


def test_rows_come_in_the_order_asked_for_and_only_once(rows):
    first, second = take(), take()
    assert [int(job.subject) for job in first + second] == [29, 28, 27, 26, 25, 24]


def test_a_lease_that_ran_out_is_taken_again(rows):
    assert take(1, lease_seconds=-1)[0].pk == take(1)[0].pk


def test_recording_gives_the_row_back(rows):
    job = take(1)[0]
    assert record(job, done=7)
    again = take(1)[0]
    assert (again.pk, again.done) == (job.pk, 7)


def test_a_late_result_is_dropped(rows):
    late = take(1, lease_seconds=-1)[0]
    assert take(1)[0].pk == late.pk
    assert not record(late, done=99)
    assert Job.objects.get(pk=late.pk).done == 0


def test_a_row_that_stopped_to_qualify_is_not_taken(rows):
    waiting = Job.objects.filter(state=Job.State.QUEUED)
    Job.objects.update(state=Job.State.DONE)
    assert claim(waiting, limit=5, lease_seconds=60) == []


def test_nothing_to_take_costs_one_query(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert take() == []


def test_taking_costs_the_same_for_one_row_and_twenty(rows, django_assert_max_num_queries):
    for limit in (1, 20):
        with django_assert_max_num_queries(5):
            assert len(take(limit)) == limit


def test_processes_that_take_at_once_share_the_rows(live_db):
    Job.objects.bulk_create(Job(kind="k", subject=str(number), asked_by="test") for number in range(60))
    taken: list[int] = []

    def work() -> None:
        try:
            while jobs := take(2):
                taken.extend(job.pk for job in jobs)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(Job.objects.values_list("pk", flat=True))


def test_leases_are_in_the_future_of_the_asker(rows):
    job = take(1, lease_seconds=90)[0]
    assert timedelta(seconds=80) < job.claimed_until - clock.now() <= timedelta(seconds=90)
