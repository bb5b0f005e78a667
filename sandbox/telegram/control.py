"""The control calls that only this stand-in has: pretend customers, settings, what is going on.

POST /_emu/...
    say {user_id, text | contact, ...fields of the user}: write to the bot; an unknown user is made.
    press {user_id, text | data, message_id?, phone?, stale?}: press a button; with `stale` one that the
        message no longer has, or of a deleted message.
    users {user_id, ...fields of the user, started?, unreachable?}: make or change a customer.
    groups {id, title?, type?, username?, bot_status?, migrated_to?}: make a group, change the bot's standing.
    block, unblock, clear {user_id}; deactivate {user_id, deactivated?}
    duplicate {update_id}: deliver an update once more.
    rates {enabled?, global?, chat?, burst?}: messages per second.
    timing {speed_up?, answer_seconds?}: how fast the server's own waits pass, how long a press may wait.
GET /_emu/...
    users, chats/<id>, callbacks/<id>, commands?user_id=, files/<file_id>, initdata?user_id=, queue, rates
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from sandbox.control import bad_request, json_body
from sandbox.faults import Handler
from sandbox.telegram.bot import Bot
from sandbox.telegram.chats import Chat
from sandbox.telegram.customers import Customers, NoSuchButton, Press, describe
from sandbox.telegram.errors import ApiError

PRESS_FIELDS = set(Press.__dataclass_fields__)


class TelegramControls:
    """Handlers under /_emu/."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._customers = Customers(bot)

    def mount(self, app: web.Application) -> None:
        posts = {
            "say": self.say,
            "press": self.press,
            "users": self.make_user,
            "groups": self.make_group,
            "block": self.block,
            "unblock": self.unblock,
            "deactivate": self.deactivate,
            "clear": self.clear,
            "duplicate": self.duplicate,
            "rates": self.set_rates,
            "timing": self.set_timing,
        }
        gets = {
            "users": self.users,
            "chats/{chat_id}": self.transcript,
            "callbacks/{callback_id}": self.callback,
            "commands": self.commands,
            "queue": self.queue,
            "rates": self.rates,
            "files/{file_id}": self.file,
            "initdata": self.init_data,
        }
        for path, handler in posts.items():
            app.router.add_post(f"/_emu/{path}", answering(handler))
        for path, handler in gets.items():
            app.router.add_get(f"/_emu/{path}", answering(handler))

    async def say(self, request: web.Request) -> Any:
        fields = await json_body(request)
        number_of(fields)
        if not (str(fields.get("text", "")).strip() or fields.get("contact")):
            raise bad_request("give a text")
        update_id, message = self._customers.say(fields)
        return {"update_id": update_id, "message": message}

    async def press(self, request: web.Request) -> Any:
        fields = await json_body(request)
        wish = {name: value for name, value in fields.items() if name in PRESS_FIELDS and value is not None}
        try:
            return self._customers.press(Press(**wish | {"user_id": number_of(fields)}))
        except NoSuchButton as error:
            return web.json_response({"error": str(error)}, status=404)

    async def make_user(self, request: web.Request) -> Any:
        fields = await json_body(request)
        number_of(fields)
        chat = self._customers.known(fields)
        for flag in ("started", "unreachable"):
            setattr(chat, flag, bool(fields.get(flag, getattr(chat, flag))))
        return describe(chat)

    async def make_group(self, request: web.Request) -> Any:
        fields = await json_body(request)
        number_of(fields)
        chat = self._customers.put_in_group(fields)
        return chat.info | {"bot_status": chat.bot_status, "migrated_to": chat.migrated_to}

    async def users(self, request: web.Request) -> Any:
        return [describe(chat) for chat in self._bot.chats.all.values() if chat.is_private]

    async def block(self, request: web.Request) -> Any:
        chat = self._user(await json_body(request))
        self._customers.block(chat)
        return describe(chat)

    async def unblock(self, request: web.Request) -> Any:
        chat = self._user(await json_body(request))
        self._customers.unblock(chat)
        return describe(chat)

    async def deactivate(self, request: web.Request) -> Any:
        fields = await json_body(request)
        chat = self._user(fields)
        self._customers.deactivate(chat, bool(fields.get("deactivated", True)))
        return describe(chat)

    async def clear(self, request: web.Request) -> Any:
        """Delete the history of a chat on the customer's side, the bot's messages with it."""
        chat = self._user(await json_body(request))
        for message_id in list(chat.messages):
            self._bot.remove(chat, message_id)
        chat.keyboard = None
        return describe(chat)

    async def duplicate(self, request: web.Request) -> Any:
        number = (await json_body(request)).get("update_id")
        if not isinstance(number, int) or not self._bot.queue.repeat(number):
            return web.json_response({"error": "no such update"}, status=404)
        return {"update_id": number}

    async def transcript(self, request: web.Request) -> Any:
        """Give a chat's messages, oldest first; `?last=N` only the newest N."""
        chat = self._bot.chats.find(number_of({"id": request.match_info["chat_id"]}))
        messages = [] if chat is None else list(chat.messages.values())
        last = request.query.get("last", "")
        if last and not (last.isdecimal() and int(last)):
            raise bad_request("last: give a number, 1 or more")
        return messages[-int(last) :] if last else messages

    async def callback(self, request: web.Request) -> Any:
        callback = self._bot.callbacks.get(request.match_info["callback_id"])
        if callback is None:
            return web.json_response({"error": "no such callback"}, status=404)
        return asdict(callback)

    async def commands(self, request: web.Request) -> Any:
        """Give what one user's client shows: commands, menu button, texts of the bot."""
        chat = self._user({"user_id": request.query.get("user_id")})
        language = (chat.user or {}).get("language_code", "")[:2]
        profile = self._bot.profile
        texts = {
            name: profile.texts.get(f"{name}:{language}") or profile.texts.get(f"{name}:", "")
            for name in ("name", "description", "short_description")
        }
        listed = profile.commands_for(chat.id, language)
        return {
            "commands": listed,
            "menu_button": profile.menu_button(chat.id),
            "username": self._bot.username,
        } | texts

    async def queue(self, request: web.Request) -> Any:
        info = self._bot.webhook.info()
        return {"pending": info["pending_update_count"], "webhook_url": info["url"], "info": info}

    async def rates(self, request: web.Request) -> Any:
        return self._bot.limits.state()

    async def set_rates(self, request: web.Request) -> Any:
        try:
            return self._bot.limits.change(await json_body(request))
        except (ValueError, TypeError) as error:
            raise bad_request(str(error)) from error

    async def set_timing(self, request: web.Request) -> Any:
        """Set how fast waits of the server pass, and how many seconds a press may wait for its answer."""
        fields = await json_body(request)
        if not all(value > 0 for value in fields.values()):
            raise bad_request("give numbers above 0")
        self._bot.polling.speed_up = fields.get("speed_up", self._bot.polling.speed_up)
        self._bot.webhook.speed_up = self._bot.polling.speed_up
        self._bot.answer_seconds = fields.get("answer_seconds", self._bot.answer_seconds)
        return {"speed_up": self._bot.polling.speed_up, "answer_seconds": self._bot.answer_seconds}

    async def file(self, request: web.Request) -> Any:
        stored = self._bot.files.find(request.match_info["file_id"])
        data = None if stored is None else self._bot.files.bytes_at(stored.path)
        if stored is None or data is None:
            return web.json_response({"error": "no such file"}, status=404)
        return web.Response(body=data, content_type=stored.content_type)

    async def init_data(self, request: web.Request) -> Any:
        chat = self._user({"user_id": request.query.get("user_id")})
        return {"init_data": self._customers.init_data(chat, request.query.get("start_param", ""))}

    def _user(self, fields: dict[str, Any]) -> Chat:
        chat = self._bot.chats.find(number_of(fields))
        if chat is None or not chat.is_private:
            raise web.HTTPNotFound(text='{"error": "no such user"}', content_type="application/json")
        return chat


def number_of(fields: Any) -> int:
    """Read whom a control call is about; anything but a number is a 400."""
    try:
        return int(fields.get("user_id", fields.get("id")))
    except (AttributeError, TypeError, ValueError) as error:
        raise bad_request("give user_id, a number") from error


def answering(handler: Any) -> Handler:
    """Turn plain values into JSON answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            result = await handler(request)
        except ApiError as error:
            return web.json_response({"error": error.description}, status=400)
        return result if isinstance(result, web.StreamResponse) else web.json_response(result)

    return answer
