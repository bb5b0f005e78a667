"""Doors for scheduled work on subscriptions."""

from celery import shared_task

from subscriptions import services


@shared_task
def expire_due() -> int:
    """Cut off what has ended, then remind of what ends soon; returns how many were cut off."""
    expired = services.expire_due()
    services.remind_due()
    return expired
