"""A nudge makes something fast; a sweep makes it certain. So a nudge may be lost and never raises."""

import logging
from typing import Any

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)


def nudge(task: str, *args: Any) -> None:
    """After commit, ask the worker to run that task soon; a broker that is away is only logged."""
    transaction.on_commit(lambda: send(task, *args))


def send(task: str, *args: Any) -> None:
    """Ask the worker now. Touches no database; may wait seconds for a broker that is away."""
    try:
        # By name: web and bot import no tasks, so their registry is empty.
        current_app.send_task(task, args=args, retry=False, expires=60)
    except Exception as failed:  # brokers raise whatever their transport raises
        log.warning("nudge of %s was lost: %s", task, failed)
