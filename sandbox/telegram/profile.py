"""What the bot shows of itself: commands, menu button, name and descriptions."""

from __future__ import annotations

import re
from typing import Any

from sandbox.telegram.errors import bad_request

COMMANDS_LIMIT = 100
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
COMMAND_LENGTH = 32
COMMAND_DESCRIPTION_LENGTH = 256
CHAT_SCOPES = {"chat", "chat_administrators", "chat_member"}
SCOPES = {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"} | CHAT_SCOPES


class Profile:
    """Texts are kept by language, commands by scope and language; "" is every language."""

    def __init__(self) -> None:
        self.commands: dict[str, list[dict[str, str]]] = {}
        self.texts: dict[str, str] = {}
        self.menu_buttons: dict[str, dict[str, Any]] = {}

    def commands_for(self, user_id: int, language: str) -> list[dict[str, str]]:
        """Give what a client shows: the narrowest scope first, in it the user's language first."""
        for scope in (f"chat:{user_id}:", "all_private_chats::", "default::"):
            for code in (language, ""):
                if found := self.commands.get(f"{scope}:{code}"):
                    return found
        return []

    def menu_button(self, chat_id: int | None) -> dict[str, Any]:
        own = self.menu_buttons.get(str(chat_id), {"type": "default"})
        if own["type"] != "default":
            return own
        return self.menu_buttons.get("None", {"type": "commands"})

    def dump(self) -> dict[str, Any]:
        return {"commands": self.commands, "texts": self.texts, "menu_buttons": self.menu_buttons}

    def load(self, state: dict[str, Any]) -> None:
        self.commands, self.texts, self.menu_buttons = (
            state["commands"],
            state["texts"],
            state["menu_buttons"],
        )


def scope_key(scope: Any, language: str) -> str:
    """Give the key a list of commands is kept under. Raises ApiError for an unknown scope or language."""
    scope = scope or {"type": "default"}
    if not isinstance(scope, dict):
        raise bad_request("expected an Object as BotCommandScope")
    kind = scope.get("type")
    if kind not in SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    if kind in CHAT_SCOPES and not scope.get("chat_id"):
        raise bad_request("chat_id is empty")
    return f"{kind}:{scope.get('chat_id', '')}:{scope.get('user_id', '')}:{checked_language(language)}"


def checked_language(language: str) -> str:
    if language and re.fullmatch(r"[a-z]{2}", language) is None:
        raise bad_request("invalid language code specified")
    return language


def checked_commands(given: Any) -> list[dict[str, str]]:
    """Give a list of commands as it will be shown. Raises ApiError for what the server refuses."""
    if not isinstance(given, list):
        raise bad_request("expected an Array of BotCommand")
    if len(given) > COMMANDS_LIMIT:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    return [checked_command(each) for each in given]


def checked_command(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    name = str(given.get("command", "")).strip().removeprefix("/")
    description = str(given.get("description", "")).strip()
    if not name:
        raise bad_request("command must be non-empty")
    if len(name) > COMMAND_LENGTH:
        raise bad_request(f"command length must not exceed {COMMAND_LENGTH}")
    if COMMAND.fullmatch(name) is None:
        raise bad_request("BOT_COMMAND_INVALID")
    if not description:
        raise bad_request("command description must be non-empty")
    if len(description) > COMMAND_DESCRIPTION_LENGTH:
        raise bad_request(f"command description length must not exceed {COMMAND_DESCRIPTION_LENGTH}")
    return {"command": name, "description": description}
