"""Doors for scheduled work on panels."""

from celery import shared_task

from core.turns import at_most
from vpnpanel import mover, reconciler, services
from vpnpanel.services import guard, outages, pointers, spreading, sync


@shared_task
def reconcile_access(access_id: int) -> bool:
    return reconciler.reconcile_one(access_id)


@shared_task
@at_most(1)
def reconcile_due() -> int:
    return reconciler.reconcile_due()


@at_most(1)
def look_out() -> int:
    back = outages.probe()
    guard.start_waiting(back)
    return len(back)


@shared_task
def probe_panels() -> int:
    """Serve who waited for panels that are back; meanwhile the next look at the others may begin."""
    if back := look_out():
        reconcile_due()
    return back


@shared_task
@at_most(1)
def place_missing() -> int:
    return spreading.place_missing()


@shared_task
@at_most(1)
def work_moves() -> int:
    return mover.work_moves()


@shared_task
def read_figures() -> int:
    return outages.read_figures()


@shared_task
def alert_outages() -> int:
    return outages.alert_outages()


@shared_task
def sync_panels() -> int:
    return sync.sync_panels()


@shared_task
def clean_up() -> int:
    return services.remove_long_ended()


@shared_task
def test_panels() -> int:
    return guard.start_all()


@shared_task
def test_doubtful_panels() -> int:
    return guard.start_doubtful()


@shared_task
@at_most(1)
def read_pointed() -> int:
    return pointers.read_pointed()
