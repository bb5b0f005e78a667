"""Long work in steps: each step runs under a lease, remembers its cursor, and may be cut off anywhere.

A room registers a kind with `register` in its AppConfig. A step gets the job, does a bounded piece
(seconds, not minutes) and returns a Step; the runner stores it and goes on until `is_last`.
"""

import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from core import clock
from core.claims import claim, record
from core.errors import OutsideError, ShopError
from core.models import Job
from core.retention import delete_in_batches
from core.said import Sentence

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Text

log = logging.getLogger(__name__)

LEASE_SECONDS = 120
MAX_ATTEMPTS = 8
# After the first failure; each further one doubles it.
RETRY_SECONDS = 2


@dataclass(frozen=True)
class Step:
    """How far a job came: `cursor` is where the next step goes on."""

    cursor: Any
    done: int
    is_last: bool
    total: int | None = None
    result: dict[str, Any] = field(default_factory=dict)


def joined(line: dict[str, Any]) -> str:
    return " · ".join(map(str, line.values()))


@dataclass(frozen=True)
class Kind:
    """What is known of jobs of one kind: who does a step, and how staff read of them.

    `counts` names the numbers of a result, `line` is one of its `lines` in words. `when_undone` is called in
    the transaction that ends such a job otherwise, cancelled or failed for good. A step of it may still be
    under way then, and still do what it was to do.
    """

    step: Callable[[Job], Step]
    title: "str | Text"
    counts: Mapping[str, "str | Text"] = field(default_factory=dict)
    line: Callable[[dict[str, Any]], str] = joined
    when_undone: Callable[[Job], None] | None = None


KINDS: dict[str, Kind] = {}


def register(kind: str, step: Callable[[Job], Step], title: "str | Text", **more: Any) -> None:
    """Make `step` the one that does jobs of `kind`; `more` as Kind has it."""
    KINDS[kind] = Kind(step, title, **more)


def title_of(kind: str) -> str:
    """Return what staff call jobs of a kind; those of one that is gone go by its name."""
    return str(KINDS[kind].title) if kind in KINDS else kind


def start(kind: str, *, subject: str, asked_by: str, params: dict[str, Any] | None = None) -> Job:
    """Queue a job and return it; one that is already open for the subject is returned instead."""
    if kind not in KINDS:
        raise KeyError(f"no job of kind {kind!r}; known: {', '.join(sorted(KINDS))}")
    job = Job(kind=kind, subject=subject, asked_by=asked_by, params=params or {})
    Job.objects.bulk_create([job], ignore_conflicts=True)
    found = Job.objects.filter(kind=kind, subject=subject, state__in=Job.OPEN).first()
    return found or start(kind, subject=subject, asked_by=asked_by, params=params)


@transaction.atomic
def cancel(job_id: int) -> bool:
    """Stop a job before its next step; tell whether it was still open.

    Whoever is at a step of it loses the claim, so that what comes of the step does not open it again.
    """
    stopped = Job.objects.filter(pk=job_id, state__in=Job.OPEN).update(
        state=Job.State.CANCELLED, finished_at=clock.now(), claim_token=None, claimed_until=None
    )
    if stopped:
        _leave_undone(Job.objects.get(pk=job_id))
    return bool(stopped)


def _leave_undone(job: Job) -> None:
    if job.kind in KINDS and (when_undone := KINDS[job.kind].when_undone):
        when_undone(job)


def remove_finished(before: datetime) -> int:
    """Delete jobs that were over before then; open ones stay, however old."""
    return delete_in_batches(Job.objects.filter(finished_at__lt=before).exclude(state__in=Job.OPEN))


def run_due(*, most_steps: int = 50) -> int:
    """Do the next steps of open jobs, round after round, and return how many steps were done."""
    steps = 0
    while steps < most_steps:
        due = Job.objects.filter(state__in=Job.OPEN).filter(
            Q(next_try_at__isnull=True) | Q(next_try_at__lte=clock.now())
        )
        jobs = claim(due.order_by("id"), limit=1, lease_seconds=LEASE_SECONDS)
        if not jobs:
            return steps
        _run_step(jobs[0])
        steps += 1
    return steps


def _run_step(job: Job) -> None:
    try:
        step = KINDS[job.kind].step(job)
    except ShopError as failed:  # said on purpose: its words are enough, also for the staff who read the job
        log.warning("job %s: %s", job.pk, failed)
        words = failed.sentence if isinstance(failed, OutsideError) else str(failed)
        _note_failure(job, failed, words or type(failed).__name__)
        return
    except KeyboardInterrupt:  # of a command: the worker need not wait for the lease to end
        record(job)
        raise
    except Exception as failed:  # the outermost loop: a job that breaks must not stop the others
        log.exception("job %s failed", job.pk)
        _note_failure(job, failed, "".join(traceback.format_exception_only(failed)).strip())
        return
    finished = (
        {"state": Job.State.DONE, "finished_at": clock.now()}
        if step.is_last
        else {"state": Job.State.RUNNING}
    )
    record(
        job,
        cursor=step.cursor,
        done=step.done,
        total=step.total,
        result=step.result,
        attempts=0,
        error="",
        **finished,
    )


@transaction.atomic
def _note_failure(job: Job, failed: Exception, error: Sentence | str) -> None:
    attempts = job.attempts + 1
    is_over = attempts >= MAX_ATTEMPTS or bool(getattr(failed, "permanent", False))
    over = {"state": Job.State.FAILED, "finished_at": clock.now()} if is_over else {}
    was_ours = record(
        job,
        attempts=attempts,
        error=error,
        next_try_at=clock.now() + timedelta(seconds=min(RETRY_SECONDS * 2 ** (attempts - 1), 300)),
        **over,
    )
    if was_ours and is_over:
        _leave_undone(job)
