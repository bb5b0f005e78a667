"""Long work in steps: goes on after a crash, backs off, can be cancelled, is open once per subject."""

from collections.abc import Iterator

import pytest

from core import jobs
from core.errors import OutsideError
from core.jobs import Step
from core.models import Job


class Counting:
    """Counts to five, one a step; fails where it is told to."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.seen: list[int] = []

    def __call__(self, job: Job) -> Step:
        if self.failures:
            raise self.failures.pop()
        number = (job.cursor or 0) + 1
        self.seen.append(number)
        return Step(cursor=number, done=number, total=5, is_last=number == 5, result={"counted": number})


@pytest.fixture
def counting() -> Iterator[Counting]:
    step = Counting()
    jobs.register("count", step, "Count")
    yield step
    del jobs.KINDS["count"]


def start(subject: str = "a") -> Job:
    return jobs.start("count", subject=subject, asked_by="olga")


def test_all_steps_are_done_in_order(db, counting):
    job = start()
    assert jobs.run_due() == 5
    job.refresh_from_db()
    assert (job.state, job.done, job.result, counting.seen) == ("done", 5, {"counted": 5}, [1, 2, 3, 4, 5])
    assert job.finished_at


def test_work_goes_on_where_it_was_cut_off(db, counting):
    start()
    jobs.run_due(most_steps=2)
    jobs.run_due()
    assert counting.seen == [1, 2, 3, 4, 5]


def test_a_subject_has_one_open_job(db, counting):
    assert start().pk == start().pk
    assert start("b").pk != start().pk
    jobs.run_due()
    assert Job.objects.count() == 2
    start()
    assert Job.objects.count() == 3


def test_a_failure_waits_and_goes_on(db, counting):
    counting.failures = [OutsideError("no answer")]
    job = start()
    jobs.run_due()
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("queued", 1) and "no answer" in str(job.error)
    Job.objects.update(next_try_at=None)
    jobs.run_due()
    assert Job.objects.get().state == "done"


def test_a_permanent_failure_ends_the_job(db, counting):
    counting.failures = [OutsideError("no such inbound", permanent=True)]
    start()
    jobs.run_due()
    assert Job.objects.get().state == "failed"


def test_too_many_failures_end_the_job(db, counting):
    counting.failures = [ValueError("bug")] * 20
    start()
    for _ in range(jobs.MAX_ATTEMPTS):
        Job.objects.update(next_try_at=None)
        jobs.run_due()
    assert Job.objects.get().state == "failed"


def test_one_broken_job_does_not_stop_the_others(db, counting):
    counting.failures = [ValueError("bug")]
    start("a")
    start("b")
    jobs.run_due()
    assert {job.subject: job.state for job in Job.objects.all()} == {"a": "queued", "b": "done"}


def test_a_cancelled_job_does_no_further_step(db, counting):
    job = start()
    jobs.run_due(most_steps=1)
    assert jobs.cancel(job.pk) and not jobs.cancel(job.pk)
    jobs.run_due()
    assert counting.seen == [1]
    assert Job.objects.get().state == "cancelled"


def test_a_job_cancelled_during_its_last_step_stays_cancelled(db, counting):
    job = start()
    jobs.run_due(most_steps=4)
    real = counting.__call__

    def cancelling(found: Job) -> Step:
        jobs.cancel(found.pk)
        return real(found)

    jobs.register("count", cancelling, "Count")
    jobs.run_due()
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_a_job_cancelled_during_a_step_that_fails_stays_cancelled(db, counting):
    job = start()

    def failing(found: Job) -> Step:
        jobs.cancel(found.pk)
        raise OutsideError("no", permanent=True)

    jobs.register("count", failing, "Count")
    jobs.run_due()
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_an_unknown_kind_is_a_mistake_of_ours(db):
    with pytest.raises(KeyError, match="no job of kind 'nonsense'"):
        jobs.start("nonsense", subject="", asked_by="olga")
