"""Doors for scheduled work on subscriptions."""

from celery import shared_task

from subscriptions import services


@shared_task
def expire_due() -> int:
    """Cut off what has ended, then remind of what ends soon; returns how many were cut off."""
    expired = services.expire_due()
    services.remind_due()
    return expired


@shared_task
def note_seen(apps: list[tuple[int, str]], devices: list[tuple[int, list[str]]]) -> int:
    """Write down which apps and devices a process of the web role has seen; returns how many."""
    return services.write_seen(apps, devices)


@shared_task
def hint_unconnected() -> int:
    """Ask customers who paid and never connected whether they need help; returns how many."""
    return services.hint_unconnected()
