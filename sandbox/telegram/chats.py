"""Who talks with the bot, and what was said."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from sandbox.telegram.errors import bad_request, forbidden

Message = dict[str, Any]

USER_FIELDS = ("id", "is_bot", "first_name", "last_name", "username", "language_code", "is_premium")
CHAT_FIELDS = ("id", "first_name", "last_name", "username")
DELETED_KEPT = 100


@dataclass
class Chat:
    """One private chat or group. A message object is never changed, only replaced: updates keep them."""

    id: int
    info: dict[str, Any]
    user: dict[str, Any] | None = None
    started: bool = False
    blocked: bool = False
    deactivated: bool = False
    unreachable: bool = False
    # What the bot is in a group: member, administrator, kicked, left, or nothing more because it was deleted.
    bot_status: str = "member"
    migrated_to: int | None = None
    messages: dict[int, Message] = field(default_factory=dict)
    deleted: list[int] = field(default_factory=list)
    last_message_id: int = 0
    keyboard: dict[str, Any] | None = None

    @property
    def is_private(self) -> bool:
        return self.user is not None

    @property
    def instance(self) -> str:
        """The `chat_instance` of button presses: a 64-bit number, the same as long as the chat lives."""
        return str(zlib.crc32(str(self.id).encode()) << 31 | 1)

    def next_message_id(self) -> int:
        self.last_message_id += 1
        return self.last_message_id

    def forget(self, message_id: int) -> None:
        del self.messages[message_id]
        self.deleted = [*self.deleted[-DELETED_KEPT:], message_id]

    def check_open(self) -> None:
        """Raise ApiError if the bot may not write here."""
        if self.user is not None:
            self._check_user(self.user)
            return
        if self.migrated_to is not None:
            text = "group chat was upgraded to a supergroup chat"
            raise bad_request(text, migrate_to_chat_id=self.migrated_to)
        kind = self.info["type"]
        if self.bot_status == "deleted":
            raise forbidden("the group chat was deleted")
        if self.bot_status == "kicked":
            raise forbidden(f"bot was kicked from the {kind} chat")
        if self.bot_status == "left":
            raise forbidden(f"bot is not a member of the {kind} chat")

    def _check_user(self, user: dict[str, Any]) -> None:
        if self.unreachable:
            raise bad_request("private chat not found")
        if user["is_bot"]:
            raise forbidden("the bot can't send messages to the bot")
        if self.deactivated:
            raise forbidden("user is deactivated")
        if self.blocked:
            raise forbidden("bot was blocked by the user")
        if not self.started:
            raise forbidden("bot can't initiate conversation with a user")

    def dump(self) -> dict[str, Any]:
        shallow = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return shallow | {"messages": list(self.messages.values())}


class Chats:
    """All chats by id."""

    def __init__(self) -> None:
        self.all: dict[int, Chat] = {}

    def find(self, chat_id: int) -> Chat | None:
        return self.all.get(chat_id)

    def named(self, chat_id: str) -> Chat:
        """Find the chat a call names by number or @username. Raises ApiError if there is none."""
        if not chat_id:
            raise bad_request("chat_id is empty")
        chat = self._by_username(chat_id[1:]) if chat_id.startswith("@") else self._by_number(chat_id)
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def _by_number(self, text: str) -> Chat | None:
        try:
            return self.all.get(int(text))
        except ValueError:
            return None

    def _by_username(self, username: str) -> Chat | None:
        """Find a group: the server does not find users by name."""
        wanted = username.lower()
        groups = (chat for chat in self.all.values() if not chat.is_private)
        return next((chat for chat in groups if chat.info.get("username", "").lower() == wanted), None)

    def with_user(self, fields: dict[str, Any]) -> Chat:
        """Give a user's private chat, made if unknown; the given fields of the user are taken over."""
        number = int(fields["id"])
        given = {name: fields[name] for name in USER_FIELDS if fields.get(name) not in (None, "")}
        chat = self.all.get(number)
        known = chat.user if chat is not None and chat.user is not None else {}
        unnamed = {"is_bot": False, "first_name": f"User {number}"}
        user: dict[str, Any] = {"id": number} | unnamed | known | given | {"id": number}
        info: dict[str, Any] = {name: user[name] for name in CHAT_FIELDS if name in user}
        info["type"] = "private"
        if chat is None:
            chat = self.all[number] = Chat(number, info, user)
        chat.user, chat.info = user, info
        return chat

    def with_group(self, fields: dict[str, Any]) -> Chat:
        """Give a group or channel, made if unknown."""
        number = int(fields["id"])
        chat = self.all.get(number)
        if chat is None:
            unnamed = {"id": number, "title": f"Group {number}", "type": "supergroup"}
            chat = self.all[number] = Chat(number, unnamed)
        given = {name: fields[name] for name in ("title", "type", "username") if name in fields}
        chat.info = chat.info | given
        return chat

    def dump(self) -> list[dict[str, Any]]:
        return [chat.dump() for chat in self.all.values()]

    def load(self, rows: list[dict[str, Any]]) -> None:
        self.all = {}
        for row in rows:
            chat = Chat(**row)
            chat.messages = {message["message_id"]: message for message in row["messages"]}
            self.all[chat.id] = chat
