"""How the rooms are put together: settings, addresses, jobs, processes."""

from vpnservice.celery import app as celery_app

__all__ = ["celery_app"]
