"""The Telegram channel: what a rendered message is to the Bot API, and what its errors mean to us."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter, TelegramError

from core.errors import OutsideError
from notifications.channels.transport import ATTACHED_PHOTO, AiohttpRequest, Call, NotReached
from notifications.errors import (
    ChannelUnreachable,
    MessageRefused,
    RecipientUnreachable,
    SendOutcomeUnknown,
    TokenRefused,
    TooFast,
)
from notifications.kinds import Button, Rendered

# Waiting times as timedelta: python-telegram-bot's coming default, without its warning.
os.environ.setdefault("PTB_TIMEDELTA", "true")
# The preview's fetcher would call the customer's secret link.
NO_PREVIEW = {"is_disabled": True}
UNREACHABLE = ("chat not found", "blocked", "deactivated", "initiate conversation", "kicked", "not a member")


class MessageGone(MessageRefused):
    """The message to change is not there or cannot be changed any more: send a new one."""


def make_bot() -> Bot:
    """Return a client of the Bot API; `await bot.initialize()` before use, in the loop that uses it."""
    base = settings.TELEGRAM_API_BASE_URL
    return Bot(
        settings.TELEGRAM_BOT_TOKEN,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=AiohttpRequest(connections=64),
        get_updates_request=AiohttpRequest(connections=2),
    )


def understand(error: TelegramError) -> OutsideError:
    """Say what an error of the Bot API means for the message, by class and one stable part of its text.

    Source: https://core.telegram.org/bots/api#making-requests and the texts of the Bot API server.
    """
    text = str(error.message)
    lowered = text.lower()
    if isinstance(error, RetryAfter):
        wait = error.retry_after
        return TooFast(wait.total_seconds() if isinstance(wait, timedelta) else float(wait))
    if isinstance(error, NotReached):
        return ChannelUnreachable(text)
    if isinstance(error, InvalidToken):
        return TokenRefused("Telegram does not accept TELEGRAM_BOT_TOKEN")
    if isinstance(error, Forbidden) or (isinstance(error, BadRequest) and "chat not found" in lowered):
        if any(part in lowered for part in UNREACHABLE):
            return RecipientUnreachable(text, is_gone="deactivated" in lowered)
        return MessageRefused(text)
    if isinstance(error, BadRequest):
        gone = (
            "to edit not found" in lowered
            or "can't be edited" in lowered
            or "no text in the message" in lowered
        )
        return MessageGone(text) if gone else MessageRefused(text)
    return SendOutcomeUnknown(text)


class TelegramChannel:
    """Sends and changes messages. `callback_data` turns a button's action into what a press returns."""

    def __init__(self, bot: Bot, callback_data: Callable[[str], str]) -> None:
        self._bot = bot
        assert isinstance(bot.request, AiohttpRequest)
        self._request = bot.request
        self._callback_data = callback_data

    async def send(self, chat_id: int, message: Rendered) -> int:
        """Send a new message and return its id. Raises the errors of notifications.errors."""
        try:
            return await self._send(chat_id, message)
        except TelegramError as error:
            if not _is_bad_markup(error):
                raise understand(error) from error
        try:
            return await self._send(
                chat_id, Rendered(_plain(message.text), message.photo, message.buttons), None
            )
        except TelegramError as error:
            raise understand(error) from error

    async def edit(self, chat_id: int, message_id: int, message: Rendered) -> None:
        """Turn a message of the same kind (text or photo) into this one; unchanged content is success."""
        try:
            await self._edit(chat_id, message_id, message)
        except BadRequest as error:
            if "not modified" not in str(error.message).lower():
                raise understand(error) from error
        except TelegramError as error:
            raise understand(error) from error

    async def remove(self, chat_id: int, message_id: int) -> None:
        """Delete a message; where Telegram no longer lets us, take its buttons away."""
        try:
            await self._bot.delete_message(chat_id, message_id)
        except BadRequest as error:
            if "can't be deleted" not in str(error.message).lower():
                return
            await self._strip_buttons(chat_id, message_id)
        except TelegramError as error:
            raise understand(error) from error

    async def answer_press(self, callback_query_id: str, text: str = "") -> None:
        """Stop the button's spinner, with a toast if `text`. A press that is too old is no error."""
        try:
            shown = {"text": text} if text else {}
            await self._call("answerCallbackQuery", {"callback_query_id": callback_query_id, **shown})
        except BadRequest:
            return
        except TelegramError as error:
            raise understand(error) from error

    async def _send(self, chat_id: int, message: Rendered, parse_mode: str | None = ParseMode.HTML) -> int:
        shown = {"chat_id": chat_id, **self._buttons(message)}
        mode = {"parse_mode": parse_mode} if parse_mode else {}
        if message.photo is None:
            text = {"text": message.text, "link_preview_options": NO_PREVIEW}
            sent = await self._call("sendMessage", {**shown, **text, **mode})
        else:
            caption = {"photo": ATTACHED_PHOTO, "caption": message.text}
            sent = await self._call("sendPhoto", {**shown, **caption, **mode}, message.photo)
        return int(sent["message_id"])

    async def _edit(self, chat_id: int, message_id: int, message: Rendered) -> None:
        shown = {"chat_id": chat_id, "message_id": message_id, **self._buttons(message)}
        mode = {"parse_mode": ParseMode.HTML}
        if message.photo is None:
            text = {"text": message.text, "link_preview_options": NO_PREVIEW}
            await self._call("editMessageText", {**shown, **text, **mode})
        else:
            media = {"type": "photo", "media": ATTACHED_PHOTO, "caption": message.text, **mode}
            await self._call("editMessageMedia", {**shown, "media": media}, message.photo)

    async def _call(self, method: str, parameters: dict[str, Any], photo: bytes | None = None) -> Any:
        return await self._request.call(f"{self._bot.base_url}/{method}", Call(parameters, photo))

    async def _strip_buttons(self, chat_id: int, message_id: int) -> None:
        try:
            await self._bot.edit_message_reply_markup(chat_id=chat_id, message_id=message_id)
        except BadRequest:
            return

    def _buttons(self, message: Rendered) -> dict[str, Any]:
        if not message.buttons:
            return {}
        rows = [[self._button(button) for button in row] for row in message.buttons]
        return {"reply_markup": {"inline_keyboard": rows}}

    def _button(self, button: Button) -> dict[str, Any]:
        if button.copy:
            return {"text": button.label, "copy_text": {"text": button.copy}}
        if button.url:
            return {"text": button.label, "url": button.url}
        return {"text": button.label, "callback_data": self._callback_data(button.action)}


def _is_bad_markup(error: TelegramError) -> bool:
    return isinstance(error, BadRequest) and "can't parse entities" in str(error.message).lower()


def _plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text)
