"""Watches that nothing outside is called while a transaction is open: on SQLite everybody else would wait.

Python's own audit event tells of every request that `requests` sends, in whatever thread; nothing of ours is
replaced. The bot's calls go another way, from the event loop, where no transaction can be open.
"""

import sys
from typing import Any

from django.db import connection

seen: list[str] = []


def open_transaction() -> bool:
    """Tell whether this thread has a transaction open, other than the one a test lives in."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "http.client.send" and open_transaction():
        seen.append(bytes(arguments[1])[:80].decode(errors="replace"))


def watch() -> None:
    """Begin to watch, for as long as this process lives."""
    sys.addaudithook(note)
