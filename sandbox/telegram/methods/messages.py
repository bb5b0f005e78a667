"""Sending, deleting, answering presses."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.bot import Bot
from sandbox.telegram.chats import Chat, Message
from sandbox.telegram.errors import bad_request
from sandbox.telegram.files import DOWNLOAD_BYTES
from sandbox.telegram.keyboards import reply_markup
from sandbox.telegram.links import InvalidLink, checked_link
from sandbox.telegram.params import Params, Upload
from sandbox.telegram.texts import Formatted, caption_text, message_text

DELETE_SECONDS = 48 * 3600
ANSWER_LENGTH = 200
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
WRONG_FILE = "wrong file identifier/HTTP URL specified"
ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}


def text_fields(formatted: Formatted, text: str = "text", entities: str = "entities") -> dict[str, Any]:
    """Give a text as message fields; empty ones are left out."""
    fields: dict[str, Any] = {text: formatted.text} if formatted.text else {}
    return fields | {entities: formatted.entities} if formatted.entities else fields


def caption_fields(formatted: Formatted) -> dict[str, Any]:
    return text_fields(formatted, "caption", "caption_entities")


def preview_fields(params: Params) -> dict[str, Any]:
    options = params.json("link_preview_options", "link preview options")
    if params.flag("disable_web_page_preview"):
        options = {"is_disabled": True}
    return {"link_preview_options": options} if options else {}


def send_message(bot: Bot, params: Params) -> Message:
    content = text_fields(message_text(params)) | preview_fields(params)
    return send(bot, params, content)


def send_photo(bot: Bot, params: Params) -> Message:
    caption = caption_fields(caption_text(params))
    return send(bot, params, {"photo": photo_field(bot, params, params.text("photo"), "photo")} | caption)


def send_document(bot: Bot, params: Params) -> Message:
    caption = caption_fields(caption_text(params))
    named = params.text("document")
    return send(bot, params, {"document": document_field(bot, params, named, "document")} | caption)


def send(bot: Bot, params: Params, content: dict[str, Any]) -> Message:
    """Post what was checked: keyboard and chat next, then rights, then rates, as the server does."""
    private = not params.text("chat_id").startswith(("-", "@"))
    markup = reply_markup(params, private=private)
    chat = bot.chats.named(params.text("chat_id"))
    chat.check_open()
    bot.name_mentioned(content)
    content = reply_fields(params, chat) | content
    bot.limits.spend(chat.id)
    if params.flag("protect_content"):
        content["has_protected_content"] = True
    if markup is not None and "inline_keyboard" in markup:
        content["reply_markup"] = markup
    elif markup is not None:
        chat.keyboard = markup if "keyboard" in markup else None
    return bot.post(chat, bot.user, content)


def reply_fields(params: Params, chat: Chat) -> dict[str, Any]:
    """Quote the message that is answered. Raises ApiError if it must exist and does not."""
    wish = params.json("reply_parameters", "reply parameters")
    if not isinstance(wish, dict) or not wish.get("message_id"):
        return {}
    message = chat.messages.get(wish["message_id"])
    if message is not None:
        return {
            "reply_to_message": {key: value for key, value in message.items() if key != "reply_to_message"}
        }
    if wish.get("allow_sending_without_reply"):
        return {}
    raise bad_request("message to be replied not found")


def uploaded(params: Params, named: str, field: str) -> Upload | None:
    """Find the file a field means: `attach://part`, or the part of the same name."""
    part = named.removeprefix("attach://") if named.startswith("attach://") else field
    return params.files.get(part)


def photo_field(bot: Bot, params: Params, named: str, field: str) -> list[dict[str, Any]]:
    upload = uploaded(params, named, field)
    if upload is not None:
        return bot.files.keep_photo(upload)
    check_named(named, "photo")
    sizes = bot.files.sizes_of(named)
    if sizes is None:
        raise bad_request(WRONG_FILE)
    return sizes


def document_field(bot: Bot, params: Params, named: str, field: str) -> dict[str, Any]:
    upload = uploaded(params, named, field)
    if upload is not None:
        return bot.files.keep_document(upload)
    check_named(named, "document")
    stored = bot.files.find(named)
    if stored is None or stored.width:
        raise bad_request(WRONG_FILE)
    return stored.document()


def check_named(named: str, what: str) -> None:
    """Refuse a missing file and an address: the sandbox fetches nothing."""
    if not named:
        raise bad_request(f"there is no {what} in the request")
    if named.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")


def send_chat_action(bot: Bot, params: Params) -> bool:
    if params.text("action").lower() not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = bot.chats.named(params.text("chat_id"))
    chat.check_open()
    bot.hub.publish("telegram.action", chat_id=chat.id, action=params.text("action"))
    return True


def delete_message(bot: Bot, params: Params) -> bool:
    chat = bot.chats.named(params.text("chat_id"))
    number = params.integer("message_id")
    if number <= 0:
        raise bad_request("message identifier is not specified")
    message = chat.messages.get(number)
    if message is None:
        raise bad_request("message to delete not found")
    if bot.clock.now() - message["date"] > DELETE_SECONDS:
        raise bad_request("message can't be deleted")
    bot.remove(chat, number)
    return True


def answer_callback_query(bot: Bot, params: Params) -> bool:
    callback = bot.callbacks.get(params.text("callback_query_id"))
    text, url = params.text("text"), params.text("url")
    if len(text) > ANSWER_LENGTH:
        raise bad_request("MESSAGE_TOO_LONG")
    if url and not opens_own_chat(url, bot.username):
        raise bad_request("URL_INVALID")
    now = bot.clock.now()
    if callback is None or callback.answered or now - callback.pressed_at > bot.answer_seconds:
        raise bad_request(TOO_OLD)
    callback.answered, callback.text, callback.url = True, text, url
    callback.show_alert = params.flag("show_alert")
    shown = {"text": text, "show_alert": callback.show_alert, "url": url, "phone": callback.phone}
    bot.hub.publish("telegram.answer", chat_id=callback.chat_id, id=callback.id, **shown)
    return True


def opens_own_chat(address: str, username: str) -> bool:
    """An answer may only open the bot's own chat with a start parameter."""
    try:
        link = checked_link(address)
    except InvalidLink:
        return False
    own = (f"https://t.me/{username}?start=", f"tg://resolve?domain={username}&start=")
    return link.lower().startswith(tuple(prefix.lower() for prefix in own))


def get_file(bot: Bot, params: Params) -> dict[str, Any]:
    stored = bot.files.find(params.text("file_id"))
    if stored is None:
        raise bad_request("invalid file_id")
    if stored.size > DOWNLOAD_BYTES:
        raise bad_request("file is too big")
    return stored.brief() | {"file_path": stored.path}
