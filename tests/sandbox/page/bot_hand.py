"""The shop's bot, played by a test."""

import json
from typing import Any

import requests
from django.conf import settings

ANNA = 1001


class BotHand:
    """Calls the Bot API as the shop's bot would."""

    def __init__(self, address: str) -> None:
        self.base = f"{address}/bot{settings.TELEGRAM_BOT_TOKEN}/"
        self.offset = 0

    def call(self, method: str, files: Any = None, **fields: Any) -> Any:
        data = {name: json.dumps(v) if isinstance(v, dict | list | bool) else v for name, v in fields.items()}
        answer = requests.post(self.base + method, data=data, files=files, timeout=20).json()
        assert answer["ok"], answer
        return answer["result"]

    def next_update(self) -> dict[str, Any]:
        """Wait for the next update and confirm those before it."""
        update = self.call("getUpdates", offset=self.offset, timeout=10, limit=1)[0]
        self.offset = update["update_id"] + 1
        return update

    def send(self, text: str, *rows: list[dict[str, Any]], chat: int = ANNA) -> dict[str, Any]:
        markup = {"reply_markup": {"inline_keyboard": list(rows)}} if rows else {}
        return self.call("sendMessage", chat_id=chat, text=text, parse_mode="HTML", **markup)
