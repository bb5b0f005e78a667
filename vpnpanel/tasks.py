"""Doors for scheduled work on panels."""

from celery import shared_task

from vpnpanel import reconciler


@shared_task
def reconcile_access(access_id: int) -> bool:
    return reconciler.reconcile_one(access_id)


@shared_task
def reconcile_due() -> int:
    return reconciler.reconcile_due()
