"""Changing messages that were sent."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.bot import Bot
from sandbox.telegram.chats import Chat, Message
from sandbox.telegram.errors import bad_request
from sandbox.telegram.keyboards import inline_only
from sandbox.telegram.methods.messages import (
    caption_fields,
    document_field,
    photo_field,
    preview_fields,
    text_fields,
)
from sandbox.telegram.params import Params
from sandbox.telegram.texts import caption_text, message_text

MEDIA = ("photo", "document")
TEXT_PARTS = ("text", "entities", "link_preview_options")
CAPTION_PARTS = ("caption", "caption_entities")
SAME = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


def edit_message_text(bot: Bot, params: Params) -> Message:
    content = text_fields(message_text(params)) | preview_fields(params)
    chat, message = target(bot, params)
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    return apply(bot, params, chat, message, content)


def edit_message_caption(bot: Bot, params: Params) -> Message:
    caption = caption_fields(caption_text(params))
    chat, message = target(bot, params)
    media = {name: message[name] for name in MEDIA if name in message}
    if not media:
        raise bad_request("there is no caption in the message to edit")
    return apply(bot, params, chat, message, media | caption)


def edit_message_media(bot: Bot, params: Params) -> Message:
    """Put another photo or document in place, also of a text."""
    wish = params.json("media", "input media")
    if not isinstance(wish, dict):
        raise bad_request("can't parse input media: expected an Object")
    caption = caption_fields(caption_text(Params(wish)))
    named = str(wish.get("media", ""))
    chat, message = target(bot, params)
    match wish.get("type"):
        case "photo":
            content: dict[str, Any] = {"photo": photo_field(bot, params, named, "media")}
        case "document":
            content = {"document": document_field(bot, params, named, "media")}
        case _:
            raise bad_request("can't parse input media: type of media is not supported here")
    return apply(bot, params, chat, message, content | caption)


def edit_message_reply_markup(bot: Bot, params: Params) -> Message:
    chat, message = target(bot, params)
    return apply(bot, params, chat, message, {key: message[key] for key in content_parts(message)})


def target(bot: Bot, params: Params) -> tuple[Chat, Message]:
    """Find the bot's own message to edit. Raises ApiError if it is gone, foreign, or the chat is closed."""
    if params.text("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")
    chat = bot.chats.named(params.text("chat_id"))
    number = params.integer("message_id")
    if number <= 0:
        raise bad_request("message identifier is not specified")
    message = chat.messages.get(number)
    if message is None:
        raise bad_request("message to edit not found")
    if message["from"]["id"] != bot.user["id"]:
        raise bad_request("message can't be edited")
    chat.check_open()
    return chat, message


def content_parts(message: Message) -> list[str]:
    return [name for name in (*TEXT_PARTS, *CAPTION_PARTS, *MEDIA) if name in message]


def apply(bot: Bot, params: Params, chat: Chat, message: Message, content: dict[str, Any]) -> Message:
    """Replace content and keyboard. Raises ApiError if nothing would change."""
    bot.name_mentioned(content)
    markup = inline_only(params, private=chat.is_private)
    current = {name: message[name] for name in content_parts(message)}
    if content == current and markup == message.get("reply_markup"):
        raise bad_request(SAME)
    return bot.replace(chat, message, content | ({"reply_markup": markup} if markup else {}))
