"""Keyboards under messages: what the server accepts, and how it keeps it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.links import InvalidLink, checked_link
from sandbox.telegram.params import Params

INLINE_PER_ROW = 8
INLINE_LIMIT = 100
KEYS_PER_ROW = 12
KEYS_LIMIT = 300
CALLBACK_DATA_BYTES = 64
COPY_TEXT_LENGTH = 256
STYLES = {"primary", "success", "danger"}
SWITCHES = ("switch_inline_query", "switch_inline_query_current_chat", "switch_inline_query_chosen_chat")


def inline_only(params: Params, *, private: bool) -> dict[str, Any] | None:
    """Read the keyboard of an edit: an inline one or none."""
    markup = reply_markup(params, private=private)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("Inline keyboard expected")
    return markup


def reply_markup(params: Params, *, private: bool) -> dict[str, Any] | None:
    """Read `reply_markup` as the server would keep it, None if there is none or it is empty."""
    markup = params.json("reply_markup", "reply keyboard markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        return inline_keyboard(markup["inline_keyboard"], private=private)
    if "keyboard" in markup:
        return markup | {"keyboard": reply_keyboard(markup["keyboard"], private=private)}
    return markup if markup.get("remove_keyboard") or markup.get("force_reply") else None


def rows_of(value: Any, name: str, per_row: int, limit: int) -> list[list[Any]]:
    if not isinstance(value, list):
        raise bad_request(f'field "{name}" must be of type Array')
    if not all(isinstance(row, list) for row in value):
        raise bad_request(f'field "{name}" must be an Array of Arrays')
    if sum(map(len, value)) > limit or any(len(row) > per_row for row in value):
        raise bad_request("reply markup is too long")
    return [row for row in value if row]


def reply_keyboard(value: Any, *, private: bool) -> list[list[dict[str, Any]]]:
    given = rows_of(value, "keyboard", KEYS_PER_ROW, KEYS_LIMIT)
    rows = [[{"text": key} if isinstance(key, str) else key for key in row] for row in given]
    for key in (key for row in rows for key in row):
        if not isinstance(key, dict) or not key.get("text"):
            raise bad_request("keyboard button text must be non-empty")
        if key.get("request_contact") and not private:
            raise bad_request("phone number can be requested in private chats only")
    return rows


def inline_keyboard(value: Any, *, private: bool) -> dict[str, Any] | None:
    given = rows_of(value, "inline_keyboard", INLINE_PER_ROW, INLINE_LIMIT)
    rows = [[inline_button(key, private=private) for key in row] for row in given]
    return {"inline_keyboard": rows} if rows else None


def unparsable_button(reason: str) -> ApiError:
    return bad_request(f"can't parse inline keyboard button: {reason}")


def inline_button(key: Any, *, private: bool) -> dict[str, Any]:
    if not isinstance(key, dict):
        raise unparsable_button("InlineKeyboardButton must be an Object")
    text = key.get("text")
    if not isinstance(text, str) or not text.strip():
        raise bad_request("inline keyboard button text must be non-empty")
    style = key.get("style")
    if style is not None and style not in STYLES:
        raise unparsable_button("invalid button style specified")
    kept = {"text": text.strip()} | ({"style": style} if style else {})
    return kept | action_of(key, private=private)


def action_of(key: dict[str, Any], *, private: bool) -> dict[str, Any]:
    """Give the one action a button keeps: the first of the server's order that is present."""
    if key.get("url"):
        return {"url": button_link(key["url"])}
    if key.get("callback_data"):
        return {"callback_data": callback_data(key["callback_data"])}
    if "callback_game" in key or key.get("pay"):
        raise bad_request("BUTTON_TYPE_INVALID")
    for switch in SWITCHES:
        if switch in key:
            return {switch: key[switch]}
    if isinstance(key.get("login_url"), dict):
        secure_link(key["login_url"].get("url", ""), "Login URL")
        raise bad_request("BOT_DOMAIN_INVALID")
    if isinstance(key.get("web_app"), dict):
        address = secure_link(key["web_app"].get("url", ""), "Web App URL")
        if not private:
            raise bad_request("BUTTON_TYPE_INVALID")
        return {"web_app": {"url": address}}
    if isinstance(key.get("copy_text"), dict):
        return {"copy_text": {"text": copied_text(key["copy_text"].get("text", ""))}}
    raise unparsable_button("Text buttons are unallowed in the inline keyboard")


def callback_data(data: Any) -> str:
    if not isinstance(data, str) or len(data.encode()) > CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    return data


def copied_text(text: Any) -> str:
    if not isinstance(text, str) or not 1 <= len(text) <= COPY_TEXT_LENGTH:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    return text


def button_link(address: Any) -> str:
    try:
        return checked_link(str(address))
    except InvalidLink as error:
        raise bad_request(f"inline keyboard button URL '{address}' is invalid: {error}") from error


def secure_link(address: Any, what: str) -> str:
    try:
        link = checked_link(str(address))
    except InvalidLink as error:
        raise bad_request(f"inline keyboard button {what} '{address}' is invalid: {error}") from error
    if urlsplit(link).scheme != "https":
        raise bad_request(
            f"inline keyboard button {what} '{address}' is invalid: Only HTTPS links are allowed"
        )
    return link
