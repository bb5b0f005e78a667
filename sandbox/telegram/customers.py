"""What pretend customers do: write, press, block, come back."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sandbox.telegram.bot import Bot
from sandbox.telegram.chats import Chat, Message
from sandbox.telegram.texts import parsed

MEMBER = {"status": "member"}
# A ban without end, as a private chat reports it.
BLOCKED = {"status": "kicked", "until_date": 0}


class NoSuchButton(LookupError):
    """There is nothing to press that fits."""


@dataclass(frozen=True)
class Press:
    """Which button a customer presses. `stale` presses what an old screen of theirs still shows."""

    user_id: int
    data: str = ""
    text: str = ""
    message_id: int | None = None
    phone: str = ""
    stale: bool = False


class Customers:
    """Acts of people on the other side of the bot."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    def known(self, fields: dict[str, Any]) -> Chat:
        """Give the user's chat, made if unknown. Fields given replace those known."""
        fields = fields | {"id": fields.get("user_id", fields.get("id"))}
        before = self._bot.chats.find(int(fields["id"]))
        user = None if before is None else before.user
        chat = self._bot.chats.with_user(fields)
        if chat.user != user:
            self._announce(chat)
        return chat

    def _announce(self, chat: Chat) -> None:
        self._bot.hub.publish("telegram.user", chat_id=chat.id, user=describe(chat))

    def say(self, fields: dict[str, Any]) -> tuple[int | None, Message]:
        """Send a text, or a contact, to the bot; a customer who had blocked it unblocks it first."""
        chat = self.known(fields)
        if chat.blocked:
            self.unblock(chat)
        if not chat.started:
            chat.started = True
            self._announce(chat)
        contact = fields.get("contact")
        content = {"contact": contact} if contact else text_content(str(fields.get("text", "")))
        assert chat.user is not None
        message = self._bot.post(chat, chat.user, content)
        return self._bot.queue_message(chat, message), message

    def block(self, chat: Chat) -> None:
        """Stop the bot; it learns so. Nothing happens if it is blocked already."""
        self._set_blocked(chat, True)

    def unblock(self, chat: Chat) -> None:
        self._set_blocked(chat, False)

    def _set_blocked(self, chat: Chat, blocked: bool) -> None:
        if chat.blocked == blocked or chat.user is None:
            return
        chat.blocked = blocked
        old, new = (MEMBER, BLOCKED) if blocked else (BLOCKED, MEMBER)
        self._bot.queue_membership(chat, old, new, chat.user)
        self._announce(chat)

    def deactivate(self, chat: Chat, deactivated: bool = True) -> None:
        """Delete the account: the bot learns of it only when it writes."""
        chat.deactivated = deactivated
        self._announce(chat)

    def put_in_group(self, fields: dict[str, Any]) -> Chat:
        """Make a group or change the bot's standing in it; a changed standing is reported."""
        chat = self._bot.chats.with_group(fields)
        old = chat.bot_status
        chat.bot_status = fields.get("bot_status", old)
        chat.migrated_to = fields.get("migrated_to", chat.migrated_to)
        if chat.bot_status != old and chat.bot_status != "deleted":
            by = {"id": 777000, "is_bot": False, "first_name": "Group owner"}
            self._bot.queue_membership(chat, {"status": old}, {"status": chat.bot_status}, by)
        return chat

    def press(self, press: Press) -> dict[str, Any]:
        """Press a button. Give what the client gets: a callback's id, or the address or text of the button.

        Raises NoSuchButton if no message has it.
        """
        chat = self._bot.chats.find(press.user_id)
        if chat is None or chat.user is None:
            raise NoSuchButton("no such user")
        if press.stale:
            return self._press_stale(chat, press)
        found = find_button(chat, press)
        if found is None:
            return self._press_key(chat, press)
        message, button = found
        if "callback_data" in button:
            return self._callback(chat, message, button["callback_data"], press.phone)
        return opened(button)

    def _callback(self, chat: Chat, message: Message, data: str, phone: str) -> dict[str, Any]:
        assert chat.user is not None
        update_id, callback_id = self._bot.queue_press(chat, chat.user, message, data, phone)
        return {"update_id": update_id, "callback_query_id": callback_id}

    def _press_stale(self, chat: Chat, press: Press) -> dict[str, Any]:
        """Press a button the message no longer has; of a deleted message the bot sees only its number."""
        message_id = press.message_id or 0
        message = chat.messages.get(message_id)
        if message is None and message_id not in chat.deleted:
            raise NoSuchButton("no such message")
        gone = {"chat": chat.info, "message_id": message_id, "date": 0}
        return self._callback(chat, message or gone, press.data, press.phone)

    def _press_key(self, chat: Chat, press: Press) -> dict[str, Any]:
        """Press a key of the reply keyboard: it sends its caption, or the customer's contact."""
        rows = (chat.keyboard or {}).get("keyboard", [])
        key = next((key for row in rows for key in row if same_caption(key["text"], press.text)), None)
        if key is None or chat.user is None:
            raise NoSuchButton("no message has this button")
        fields: dict[str, Any] = {"user_id": chat.id, "text": key["text"]}
        if key.get("request_contact"):
            name = chat.user["first_name"]
            fields["contact"] = {"phone_number": f"+{chat.id}", "first_name": name, "user_id": chat.id}
        update_id, message = self.say(fields)
        return {"update_id": update_id, "message": message}

    def init_data(self, chat: Chat, start_param: str = "") -> str:
        """Give the signed data a Mini App is opened with."""
        fields = {
            "auth_date": str(self._bot.today()),
            "chat_instance": chat.instance,
            "chat_type": "private",
            "user": json.dumps(chat.user, separators=(",", ":"), ensure_ascii=False),
        }
        if start_param:
            fields["start_param"] = start_param
        return urlencode(fields | {"hash": signature(fields, self._bot.token)})


def signature(fields: dict[str, str], token: str) -> str:
    """Sign Mini App data (https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app)."""
    lines = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    key = hmac.digest(b"WebAppData", token.encode(), hashlib.sha256)
    return hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()


def text_content(text: str) -> dict[str, Any]:
    formatted = parsed(text, "", None)
    content: dict[str, Any] = {"text": formatted.text}
    return content | {"entities": formatted.entities} if formatted.entities else content


def find_button(chat: Chat, press: Press) -> tuple[Message, dict[str, Any]] | None:
    """Look for the button on the message named, else on the newest that has it; exact captions first."""
    if press.message_id is not None:
        messages = [chat.messages[press.message_id]] if press.message_id in chat.messages else []
    else:
        messages = list(reversed(chat.messages.values()))
    for fits in [has_data] if press.data else [has_text, has_similar_text]:
        for message in messages:
            rows = message.get("reply_markup", {}).get("inline_keyboard", [])
            for button in (button for row in rows for button in row):
                if fits(button, press):
                    return message, button
    return None


def has_data(button: dict[str, Any], press: Press) -> bool:
    return bool(button.get("callback_data") == press.data)


def has_text(button: dict[str, Any], press: Press) -> bool:
    return bool(button["text"] == press.text)


def has_similar_text(button: dict[str, Any], press: Press) -> bool:
    return same_caption(button["text"], press.text)


def same_caption(caption: str, wanted: str) -> bool:
    return bool(wanted) and caption.strip().casefold() == wanted.strip().casefold()


def opened(button: dict[str, Any]) -> dict[str, Any]:
    """Give what a button does on the customer's own device."""
    if "copy_text" in button:
        return {"copy_text": button["copy_text"]["text"]}
    if "web_app" in button:
        return {"url": button["web_app"]["url"], "web_app": True}
    if "url" in button:
        return {"url": button["url"]}
    return {"opened": next(name for name in button if name not in ("text", "style"))}


def describe(chat: Chat) -> dict[str, Any]:
    """Give a user as the control calls list them."""
    flags = {"blocked": chat.blocked, "deactivated": chat.deactivated, "started": chat.started}
    return (chat.user or {}) | flags | {"messages": len(chat.messages)}
