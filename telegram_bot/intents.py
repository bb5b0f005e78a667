"""What a raw update asks for: a typed view of Telegram's JSON that never raises on odd content.

Shapes: https://core.telegram.org/bots/api#update
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

VERSION = "v1"


class Kind(StrEnum):
    COMMAND = "command"
    TEXT = "text"
    PRESS = "press"
    MEMBER = "member"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Sender:
    """Who sent it, as Telegram reports them; absent fields are empty."""

    telegram_id: int
    first_name: str
    last_name: str
    username: str
    language_code: str


@dataclass(frozen=True)
class Origin:
    """The bot's message whose button was pressed; None where Telegram no longer shows it."""

    message_id: int
    has_photo: bool


@dataclass(frozen=True)
class Intent:
    """One update, understood. `name` is a command or an action; `argument` what came with it."""

    kind: Kind
    sender: Sender | None = None
    name: str = ""
    argument: str = ""
    callback_query_id: str = ""
    origin: Origin | None = None


IGNORED = Intent(Kind.IGNORED)


def callback_data(action: str) -> str:
    """Return what a button with this action carries: a short code with a version, at most 64 bytes."""
    return f"{VERSION}:{action}"


def read(payload: dict[str, Any]) -> Intent:
    """Understand a raw update. Only private chats with people count; everything else is IGNORED."""
    if isinstance(message := payload.get("message"), dict):
        return _read_message(message)
    if isinstance(press := payload.get("callback_query"), dict):
        return _read_press(press)
    if isinstance(member := payload.get("my_chat_member"), dict):
        return _read_member(member)
    return IGNORED


def chat_of(payload: dict[str, Any]) -> int | None:
    """Return the id by which updates are kept in order: the person's, whatever the update is."""
    intent = read(payload)
    return intent.sender.telegram_id if intent.sender else None


def _read_message(message: dict[str, Any]) -> Intent:
    sender = _sender(message.get("from"))
    if sender is None or not _is_private(message.get("chat")):
        return IGNORED
    text = str(message.get("text") or "")
    if not text.startswith("/"):
        return Intent(Kind.TEXT, sender, argument=text[:4096])
    command, _, argument = text[1:].partition(" ")
    return Intent(Kind.COMMAND, sender, name=command.split("@")[0].lower(), argument=argument.strip()[:64])


def _read_press(press: dict[str, Any]) -> Intent:
    sender = _sender(press.get("from"))
    if sender is None:
        return IGNORED
    message = press.get("message")
    origin = None
    if isinstance(message, dict):
        if "chat" in message and not _is_private(message["chat"]):
            return IGNORED
        origin = _origin(message)
    version, _, action = str(press.get("data") or "").partition(":")
    name, _, argument = (action if version == VERSION else "").partition(":")
    return Intent(Kind.PRESS, sender, name, argument, str(press.get("id") or ""), origin)


def _read_member(member: dict[str, Any]) -> Intent:
    sender = _sender(member.get("from"))
    new = member.get("new_chat_member")
    if sender is None or not _is_private(member.get("chat")) or not isinstance(new, dict):
        return IGNORED
    return Intent(Kind.MEMBER, sender, name=str(new.get("status") or ""))


def _origin(message: dict[str, Any]) -> Origin | None:
    """Messages too old to be shown come as an id and `date: 0`."""
    if not message.get("date") or not isinstance(message.get("message_id"), int):
        return None
    return Origin(message["message_id"], has_photo="photo" in message)


def _sender(person: Any) -> Sender | None:
    if not isinstance(person, dict) or not isinstance(person.get("id"), int) or person.get("is_bot"):
        return None
    first, last, username, language = (
        str(person.get(field) or "") for field in ("first_name", "last_name", "username", "language_code")
    )
    return Sender(person["id"], first, last, username, language)


def _is_private(chat: Any) -> bool:
    return isinstance(chat, dict) and chat.get("type") == "private"
