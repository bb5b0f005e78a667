"""The Telegram channel: what a rendered message is to the Bot API, and what its errors mean to us."""

import os
import re
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from telegram import (
    Bot,
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter, TelegramError

from core.errors import OutsideError
from notifications.channels.transport import AiohttpRequest
from notifications.errors import (
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
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
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
            await self._bot.answer_callback_query(callback_query_id, text=text or None)
        except BadRequest:
            return
        except TelegramError as error:
            raise understand(error) from error

    async def _send(self, chat_id: int, message: Rendered, parse_mode: str | None = ParseMode.HTML) -> int:
        markup = self._keyboard(message.buttons)
        if message.photo is None:
            sent = await self._bot.send_message(
                chat_id,
                message.text,
                parse_mode=parse_mode,
                reply_markup=markup,
                link_preview_options=NO_PREVIEW,
            )
        else:
            sent = await self._bot.send_photo(
                chat_id, message.photo, caption=message.text, parse_mode=parse_mode, reply_markup=markup
            )
        return sent.message_id

    async def _edit(self, chat_id: int, message_id: int, message: Rendered) -> None:
        markup = self._keyboard(message.buttons)
        if message.photo is None:
            await self._bot.edit_message_text(
                message.text,
                chat_id=chat_id,
                message_id=message_id,
                parse_mode=ParseMode.HTML,
                reply_markup=markup,
                link_preview_options=NO_PREVIEW,
            )
        else:
            media = InputMediaPhoto(message.photo, caption=message.text, parse_mode=ParseMode.HTML)
            await self._bot.edit_message_media(
                media, chat_id=chat_id, message_id=message_id, reply_markup=markup
            )

    async def _strip_buttons(self, chat_id: int, message_id: int) -> None:
        try:
            await self._bot.edit_message_reply_markup(chat_id=chat_id, message_id=message_id)
        except BadRequest:
            return

    def _keyboard(self, rows: tuple[tuple[Button, ...], ...]) -> InlineKeyboardMarkup | None:
        if not rows:
            return None
        return InlineKeyboardMarkup([[self._button(button) for button in row] for row in rows])

    def _button(self, button: Button) -> InlineKeyboardButton:
        if button.copy:
            return InlineKeyboardButton(button.label, copy_text=CopyTextButton(button.copy))
        if button.url:
            return InlineKeyboardButton(button.label, url=button.url)
        return InlineKeyboardButton(button.label, callback_data=self._callback_data(button.action))


def _is_bad_markup(error: TelegramError) -> bool:
    return isinstance(error, BadRequest) and "can't parse entities" in str(error.message).lower()


def _plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text)
