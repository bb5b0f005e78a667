"""Doors for scheduled work of the core: open jobs and retention."""

from celery import shared_task

from core import jobs, retention
from core.turns import at_most


@shared_task
@at_most(2)  # so that a long job does not keep a short one waiting
def run_jobs() -> int:
    return jobs.run_due()


@shared_task
def sweep_retention() -> dict[str, int]:
    return retention.sweep_all()
