"""Kinds of messages: later rooms register how one is built and when it is still true."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import User


@dataclass(frozen=True)
class Button:
    """A button of a message. Exactly one of `action` (a name the channel maps), `copy` and `url` is set."""

    label: str
    action: str = ""
    copy: str = ""
    url: str = ""


@dataclass(frozen=True)
class Rendered:
    """A message ready to be sent: HTML text, an optional PNG above it, rows of buttons."""

    text: str
    photo: bytes | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()


@dataclass(frozen=True)
class Kind:
    """How to tell one kind of thing.

    `render(user, context)` runs in the customer's language at send time and may query.
    `still_true(user, context)` is asked just before; a message that is no longer true is dropped.
    """

    render: Callable[[User, dict[str, Any]], Rendered]
    still_true: Callable[[User, dict[str, Any]], bool]


KINDS: dict[str, Kind] = {}


def always(user: User, context: dict[str, Any]) -> bool:
    return True


def register(
    name: str,
    render: Callable[[User, dict[str, Any]], Rendered],
    still_true: Callable[[User, dict[str, Any]], bool] = always,
) -> None:
    """Make `name` a kind that `tell` accepts."""
    KINDS[name] = Kind(render, still_true)
