"""Doors for scheduled work of the core: open jobs and retention."""

from celery import shared_task

from core import jobs, retention


@shared_task
def run_jobs() -> int:
    return jobs.run_due()


@shared_task
def sweep_retention() -> dict[str, int]:
    return retention.sweep_all()
