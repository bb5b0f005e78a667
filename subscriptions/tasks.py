"""Doors for scheduled work on subscriptions."""

from celery import shared_task

from core.turns import at_most
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


@shared_task
def tell_recovered() -> int:
    """Tell customers who heard of an outage that it is over; returns of how many outages."""
    return services.tell_recovered()


@shared_task
@at_most(1)
def follow_traffic() -> int:
    """Start traffic anew where it is time, then tell who has used most of it; returns how many started."""
    begun = services.begin_due()
    services.tell_near_limit()
    return begun


@shared_task
@at_most(1)
def read_near_limit() -> int:
    """Look at the accounts of whoever has used most of their traffic; returns how many."""
    return services.read_near_limit()
