"""The Celery application of the worker and beat roles."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent, setup_logging
from django.conf import settings

from core.heartbeat import still_turning
from vpnservice import file_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vpnservice.settings")

file_broker.use()
app = Celery("vpnservice")
app.set_default()  # else only the thread that imports this has it, and the bot works in others
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Keep Celery from replacing the logging that settings have set up."""


def make_broker_folders() -> None:
    """Make the folders of the file broker; nothing to do where Redis is the broker."""
    if not settings.REDIS_URL:
        Path(settings.BROKER_FOLDER, "control").mkdir(parents=True, exist_ok=True)


app.on_after_configure.connect(lambda sender, **kwargs: make_broker_folders(), weak=False)
heartbeat_sent.connect(lambda **kwargs: still_turning("worker"), weak=False)
