"""Commands, menu button, name and descriptions."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.bot import Bot
from sandbox.telegram.errors import bad_request
from sandbox.telegram.links import InvalidLink, checked_link
from sandbox.telegram.params import Params
from sandbox.telegram.profile import checked_commands, checked_language, scope_key

LENGTHS = {"name": 64, "description": 512, "short_description": 120}


def commands_key(params: Params) -> str:
    return scope_key(params.json("scope", "bot command scope"), params.text("language_code"))


def set_my_commands(bot: Bot, params: Params) -> bool:
    key = commands_key(params)
    bot.profile.commands[key] = checked_commands(params.json("commands", "commands"))
    bot.hub.publish("telegram.commands")
    return True


def get_my_commands(bot: Bot, params: Params) -> list[dict[str, str]]:
    return bot.profile.commands.get(commands_key(params), [])


def delete_my_commands(bot: Bot, params: Params) -> bool:
    bot.profile.commands.pop(commands_key(params), None)
    bot.hub.publish("telegram.commands")
    return True


def set_chat_menu_button(bot: Bot, params: Params) -> bool:
    button = params.json("menu_button", "menu button") or {"type": "default"}
    chat_id = params.integer("chat_id") or None
    if chat_id is not None:
        bot.chats.named(str(chat_id))
    bot.profile.menu_buttons[str(chat_id)] = checked_menu_button(button)
    bot.hub.publish("telegram.commands")
    return True


def checked_menu_button(button: Any) -> dict[str, Any]:
    match button:
        case {"type": "commands"} | {"type": "default"}:
            return {"type": str(button["type"])}
        case {"type": "web_app", "text": str() as text, "web_app": {"url": str() as url}} if text:
            return {"type": "web_app", "text": f"{text}", "web_app": {"url": secure(url)}}
    raise bad_request("can't parse menu button: unsupported type specified")


def secure(url: str) -> str:
    try:
        link = checked_link(url)
    except InvalidLink as error:
        raise bad_request(f"menu button Web App URL '{url}' is invalid: {error}") from error
    if not link.startswith("https://"):
        raise bad_request(f"menu button Web App URL '{url}' is invalid: Only HTTPS links are allowed")
    return link


def get_chat_menu_button(bot: Bot, params: Params) -> dict[str, Any]:
    return bot.profile.menu_button(params.integer("chat_id") or None)


def set_text(bot: Bot, params: Params, field: str) -> bool:
    """Keep one text for one language; an empty text removes it."""
    text = params.text(field).strip()
    if len(text) > LENGTHS[field]:
        raise bad_request(f"{field.replace('_', ' ')} is too long")
    key = f"{field}:{checked_language(params.text('language_code'))}"
    bot.profile.texts.pop(key, None)
    if text:
        bot.profile.texts[key] = text
    bot.hub.publish("telegram.commands")
    return True


def get_text(bot: Bot, params: Params, field: str) -> str:
    language = checked_language(params.text("language_code"))
    texts = bot.profile.texts
    return texts.get(f"{field}:{language}") or texts.get(f"{field}:", "")


def set_my_name(bot: Bot, params: Params) -> bool:
    return set_text(bot, params, "name")


def get_my_name(bot: Bot, params: Params) -> dict[str, str]:
    return {"name": get_text(bot, params, "name") or bot.user["first_name"]}


def set_my_description(bot: Bot, params: Params) -> bool:
    return set_text(bot, params, "description")


def get_my_description(bot: Bot, params: Params) -> dict[str, str]:
    return {"description": get_text(bot, params, "description")}


def set_my_short_description(bot: Bot, params: Params) -> bool:
    return set_text(bot, params, "short_description")


def get_my_short_description(bot: Bot, params: Params) -> dict[str, str]:
    return {"short_description": get_text(bot, params, "short_description")}
