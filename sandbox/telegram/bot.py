"""The bot account on the server: everything a call can read or change."""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.clock import WakingClock
from sandbox.events import EventHub
from sandbox.telegram.chats import Chat, Chats, Message
from sandbox.telegram.files import Files
from sandbox.telegram.limits import Limits
from sandbox.telegram.polling import Polling
from sandbox.telegram.profile import Profile
from sandbox.telegram.updates import QUERY_SECONDS, Update, UpdateQueue
from sandbox.telegram.webhook import Reply, Webhook

ANSWER_SECONDS = 60
CALLBACKS_KEPT = 10_000


@dataclass
class Callback:
    """One press of a button, and what the bot answered to it."""

    id: str
    chat_id: int
    pressed_at: float
    phone: str = ""
    answered: bool = False
    text: str = ""
    show_alert: bool = False
    url: str = ""


class Bot:
    """State of one bot and the few acts that calls and pretend customers share."""

    def __init__(
        self, hub: EventHub, clock: WakingClock, *, token: str, username: str, on_reply: Reply
    ) -> None:
        self.hub = hub
        self.clock = clock
        self.token = token
        self.username = username
        number = int(token.split(":")[0])
        names = {"first_name": username, "username": username}
        self.user: dict[str, Any] = {"id": number, "is_bot": True} | names
        self.answer_seconds = ANSWER_SECONDS
        self.chats = Chats()
        self.files = Files()
        self.profile = Profile()
        self.limits = Limits(clock.now)
        self.queue = UpdateQueue(clock.now)
        self.polling = Polling(self.queue)
        self.webhook = Webhook(self.queue, clock, on_reply)
        self.callbacks: OrderedDict[str, Callback] = OrderedDict()
        self.logged_out_until = 0.0
        self.queue.on_new = self._new_update

    def reset(self) -> None:
        """Forget everything, as if the bot had just been made."""
        self.polling.forget()
        self.webhook.forget()
        self.chats.all.clear()
        self.files.clear()
        self.queue.clear()
        self.callbacks.clear()
        self.profile = Profile()
        self.limits = Limits(self.clock.now)
        self.answer_seconds = ANSWER_SECONDS
        self.logged_out_until = 0.0
        self.hub.touch()

    def _new_update(self, update: Update) -> None:
        if self.webhook.is_set:
            self.queue.take_repeats()
            self.webhook.offer(update)
        else:
            self.polling.wake()

    def today(self) -> int:
        """Give the date a message gets: whole seconds."""
        return int(self.clock.now())

    def post(self, chat: Chat, sender: dict[str, Any], content: dict[str, Any]) -> Message:
        """Write a message into a chat."""
        message = {
            "message_id": chat.next_message_id(),
            "from": sender,
            "chat": chat.info,
            "date": self.today(),
            **content,
        }
        chat.messages[message["message_id"]] = message
        self.hub.publish("telegram.message", chat_id=chat.id, message=message)
        return message

    def replace(self, chat: Chat, message: Message, content: dict[str, Any]) -> Message:
        """Put an edited version in a message's place; `content` is the whole of what it shows."""
        frame = {
            name: message[name]
            for name in ("message_id", "from", "chat", "date", "reply_to_message")
            if name in message
        }
        edited = frame | {"edit_date": self.today()} | content
        chat.messages[edited["message_id"]] = edited
        self.hub.publish("telegram.edit", chat_id=chat.id, message=edited)
        return edited

    def name_mentioned(self, content: dict[str, Any]) -> None:
        """Complete the users that links mention; a mention of somebody unknown is plain text."""
        for field in ("entities", "caption_entities"):
            kept = [each for each in map(self._named, content.pop(field, [])) if each is not None]
            if kept:
                content[field] = kept

    def _named(self, entity: dict[str, Any]) -> dict[str, Any] | None:
        if entity["type"] != "text_mention":
            return entity
        chat = self.chats.find(entity["user"]["id"])
        return None if chat is None or chat.user is None else entity | {"user": chat.user}

    def remove(self, chat: Chat, message_id: int) -> None:
        chat.forget(message_id)
        self.hub.publish("telegram.delete", chat_id=chat.id, message_id=message_id)

    def queue_message(self, chat: Chat, message: Message) -> int | None:
        return self.queue.add("message", message, key=f"chat:{chat.id}")

    def queue_membership(
        self, chat: Chat, old: dict[str, Any], new: dict[str, Any], by: dict[str, Any]
    ) -> None:
        """Tell the bot that its own standing in a chat changed."""
        body = {
            "chat": chat.info,
            "from": by,
            "date": self.today(),
            "old_chat_member": {"user": self.user} | old,
            "new_chat_member": {"user": self.user} | new,
        }
        self.queue.add("my_chat_member", body, key=f"chat:{chat.id}")

    def queue_press(
        self, chat: Chat, by: dict[str, Any], message: Message, data: str, phone: str
    ) -> tuple[int | None, str]:
        """Tell the bot of a pressed button; give the update's id and the callback's."""
        callback = Callback(str(random.getrandbits(62) | 1 << 61), chat.id, self.clock.now(), phone)
        self.callbacks[callback.id] = callback
        if len(self.callbacks) > CALLBACKS_KEPT:
            self.callbacks.popitem(last=False)
        body = {
            "id": callback.id,
            "from": by,
            "message": message,
            "chat_instance": chat.instance,
            "data": data,
        }
        shown = {"chat_id": chat.id, "message_id": message["message_id"], "data": data, "phone": phone}
        self.hub.publish("telegram.callback", id=callback.id, **shown)
        update_id = self.queue.add("callback_query", body, key=f"user:{by['id']}", lifetime=QUERY_SECONDS)
        return update_id, callback.id

    def dump(self) -> dict[str, Any]:
        return {
            "chats": self.chats.dump(),
            "files": self.files.dump(),
            "profile": self.profile.dump(),
            "rates": self.limits.state(),
            "queue": self.queue.dump(),
            "webhook": self.webhook.dump(),
            "callbacks": [asdict(callback) for callback in self.callbacks.values()],
            "clock": self.clock.state()["offset"],
        }

    def load(self, state: dict[str, Any]) -> None:
        if state["clock"]:
            self.clock.apply({"advance": state["clock"]})
        self.chats.load(state["chats"])
        self.files.load(state["files"])
        self.profile.load(state["profile"])
        self.limits.change(state["rates"])
        self.queue.load(state["queue"])
        self.webhook.load(state["webhook"])
        self.callbacks = OrderedDict((fields["id"], Callback(**fields)) for fields in state["callbacks"])
