"""The file broker of an installation without Redis: kombu's, made safe against half-written files.

kombu writes a message into its final place in two steps and reads it without a lock. A worker that looks in
between, or a writer that is killed in between, gives it an empty file, on which the worker ends.
"""

import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Write the message under another name first: it is there whole or not at all."""
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        unfinished = Path(self.data_folder_out, f"{name}.part")
        try:
            unfinished.write_text(dumps(message))
            os.replace(unfinished, Path(self.data_folder_out, name))
        except OSError as failed:
            raise ChannelError(f"cannot write a message to {self.data_folder_out}") from failed

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take the next message; one that a full disk cut short is dropped, as any message may be."""
        try:
            return super()._get(queue)
        except ValueError:
            log.warning("a broken message in queue %s was dropped", queue)
            raise Empty from None

    def get_table(self, exchange: str) -> list[Any]:
        """Return who listens; a list that a killed writer left empty would end every worker at its start."""
        try:
            return super().get_table(exchange)
        except ValueError:
            log.warning("the list of queues of %s was broken and is made anew", exchange)
            return []

    def _queue_bind(self, exchange: str, *args: Any) -> None:
        if not self.get_table(exchange):
            Path(self.control_folder, f"{exchange}.exchange").unlink(missing_ok=True)
        super()._queue_bind(exchange, *args)


class Transport(filesystem.Transport):
    Channel = Channel


def use() -> None:
    """Make it what `filesystem://` means to Celery."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
