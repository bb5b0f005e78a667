"""The outside world as tests see it, over the sandbox's HTTP: customers with phones, panels, payments."""

from typing import Any

import requests
from django.conf import settings

Message = dict[str, Any]


class StandIn:
    """A stand-in's control calls, the same for all of them."""

    def __init__(self, address: str, base_path: str = "") -> None:
        """`base_path`: what the service's own addresses begin with; control calls don't."""
        self.origin = address
        self.address = address + base_path
        self.http = requests.Session()
        self.http.trust_env = False  # no look for proxies at each call

    def emu(self, method: str, call: str, /, **json: Any) -> Any:
        response = self.http.request(method, f"{self.origin}/_emu/{call}", json=json or None, timeout=20)
        assert response.ok, f"{call}: {response.status_code} {response.text}"
        return response.json()

    def emu_list(self, call: str, rows: list[dict[str, Any]]) -> Any:
        """POST a list to a control call that takes several at once."""
        response = self.http.post(f"{self.origin}/_emu/{call}", json=rows, timeout=20)
        assert response.ok, f"{call}: {response.status_code} {response.text}"
        return response.json()

    def reset(self) -> None:
        self.emu("POST", "reset")

    def fail(self, call: str, kind: str, **rule: Any) -> None:
        """Let the next calls that match `call` go wrong: see the sandbox's faults."""
        self.emu("POST", "fail", call=call, kind=kind, **rule)

    def heal(self) -> None:
        self.emu("DELETE", "fail")

    def outage(self, down: bool) -> None:
        self.emu("POST", "outage", down=down)

    def fired(self) -> dict[str, int]:
        fired: dict[str, int] = self.emu("GET", "faults")["fired"]
        return fired

    def calls(self, call: str | None = None) -> list[dict[str, Any]]:
        suffix = f"calls?call={call}" if call else "calls?limit=5000"
        received: list[dict[str, Any]] = self.emu("GET", suffix)
        return received

    def forget_calls(self) -> None:
        self.emu("DELETE", "calls")


class TelegramWorld(StandIn):
    """Pretend customers who write to the bot and press its buttons."""

    def say(
        self, user_id: int, text: str, *, first_name: str = "Anna", language_code: str = "en", **more: Any
    ) -> Any:
        return self.emu(
            "POST",
            "say",
            user_id=user_id,
            first_name=first_name,
            language_code=language_code,
            text=text,
            **more,
        )

    def press(self, user_id: int, text: str | None = None, **more: Any) -> Any:
        return self.emu("POST", "press", user_id=user_id, **({"text": text} if text else {}), **more)

    def press_as_shown(self, user_id: int, message: Message, text: str, *, phone: str) -> Any:
        """Press a button of `message` as this phone shows it, whatever the bot has made of it since."""
        rows = message["reply_markup"]["inline_keyboard"]
        data = next(button["callback_data"] for row in rows for button in row if button["text"] == text)
        return self.press(user_id, data=data, message_id=message["message_id"], stale=True, phone=phone)

    def chat(self, user_id: int, *, last: int | None = None) -> list[Message]:
        """Return the messages of a chat, oldest first; only the newest `last` if so asked."""
        messages: list[Message] = self.emu("GET", f"chats/{user_id}" + (f"?last={last}" if last else ""))
        return messages

    def waiting(self) -> list[dict[str, Any]]:
        """Return the updates that wait for the bot, without confirming them."""
        url = f"{self.address}/bot{settings.TELEGRAM_BOT_TOKEN}/getUpdates"
        updates: list[dict[str, Any]] = self.http.get(url, timeout=20).json()["result"]
        return updates

    def answers(self, user_id: int, *, last: int | None = None) -> list[Message]:
        """Return what the bot wrote in the chat, or among its newest `last` messages."""
        return [message for message in self.chat(user_id, last=last) if message["from"]["is_bot"]]


class AnyPanelWorld(StandIn):
    """What panels of every kind have from the inside."""

    def users(self) -> dict[str, dict[str, Any]]:
        """Return what the panel's core would let in, by account name; by email on 3x-ui."""
        return {user["username"]: user for user in self.emu("GET", "users")}

    def traffic(self, username: str, amount: int) -> None:
        """Let traffic flow through an account; the panel counts it."""
        self.emu("POST", "traffic", username=username, bytes=amount)

    def connects(self, link: str) -> bool:
        """Tell whether the panel's core lets in who comes with this key."""
        return bool(self.emu("POST", "connect", link=link)["connects"])

    def lose(self, username: str, **more: Any) -> None:
        self.emu("POST", "lose", username=username, **more)

    def back_up(self) -> None:
        self.emu("POST", "snapshot")

    def restore(self) -> None:
        """Put the panel back to when it was backed up."""
        self.emu("POST", "restore")


class PanelWorld(AnyPanelWorld):
    """A Marzban panel, from the inside."""

    username = "shop"
    password = "shop-sandbox-password"


class XuiWorld(AnyPanelWorld):
    """A 3x-ui panel, from the inside. `address` is with its base path, without a slash at the end."""

    username = "owner"
    password = "xui-sandbox-password"
    token = "xui-sandbox-token-0123456789abcdef0123456789abcd"
    base_path = "/xui-sandbox"

    def __init__(self, address: str) -> None:
        super().__init__(address, self.base_path)

    def traffic(self, username: str, amount: int, *, later: bool = False) -> None:
        """Let bytes flow; the panel counts them at once, or at its next poll."""
        self.emu("POST", "traffic", username=username, bytes=amount, later=later)

    def make_user(self, username: str, **fields: Any) -> dict[str, Any]:
        """Make a client as somebody else would, with the panel's own field names; `inbounds`: numbers."""
        made: list[dict[str, Any]] = self.emu("POST", "users", username=username, **fields)
        return made[0]

    def strangers(self, count: int, **more: Any) -> None:
        self.emu("POST", "strangers", count=count, **more)

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change what the panel's owner would: see its settings in the sandbox's page of the docs."""
        shown: dict[str, Any] = self.emu("POST", "panel", **settings)
        return shown

    def set_version(self, version: str) -> None:
        self.set(version=version)

    def advance(self, seconds: float) -> None:
        """Move the panel's clock; its poll comes with the next call."""
        self.emu("POST", "clock", advance=seconds)

    def log_everybody_out(self) -> None:
        self.emu("POST", "logout")


class PaymentWorld(StandIn):
    """The payment provider's own side and the payers. Without `payment_id`: the newest pending one."""

    shop_id = "100500"
    secret_key = "test_sandbox_secret"

    @property
    def api_url(self) -> str:
        return f"{self.address}/v3"

    def pay(self, payment_id: str | None = None, **more: Any) -> Any:
        """Pay as a customer would; `notify=False` loses the notification."""
        return self._act("pay", payment_id, **more)

    def decline(self, payment_id: str | None = None, *, reason: str = "general_decline", **more: Any) -> Any:
        return self._act("decline", payment_id, reason=reason, **more)

    def expire(self, payment_id: str | None = None, **more: Any) -> Any:
        return self._act("expire", payment_id, **more)

    def hold(self, payment_id: str | None = None, **more: Any) -> Any:
        return self._act("hold", payment_id, **more)

    def refund(self, payment_id: str, amount: str | None = None) -> Any:
        """Refund in the merchant's cabinet, past the API."""
        return self._act("refund", payment_id, **({"amount": amount} if amount else {}))

    def settle_refund(self, refund_id: str, status: str, **more: Any) -> Any:
        return self.emu("POST", "settle_refund", refund_id=refund_id, status=status, **more)

    def _act(self, call: str, payment_id: str | None, **more: Any) -> Any:
        named = {"payment_id": payment_id} if payment_id is not None else {}
        return self.emu("POST", call, **named, **more)

    def set(self, **knobs: Any) -> Any:
        """Turn the stand-in's knobs: see its settings."""
        return self.emu("POST", "settings", **knobs)

    def put_shop(self, **shop: Any) -> Any:
        return self.emu("POST", "shops", **shop)

    def set_webhook(self, url: str, speedup: float = 1) -> None:
        self.emu("POST", "webhook", url=url, speedup=speedup)

    def redeliver(self, event: str, object_id: str) -> Any:
        kind = "refund_id" if event.startswith("refund.") else "payment_id"
        return self.emu("POST", "redeliver", event=event, **{kind: object_id})

    def advance(self, seconds: float) -> None:
        self.emu("POST", "clock", advance=seconds)

    def books(self) -> dict[str, Any]:
        """Return what really happened, however the API answered."""
        books: dict[str, Any] = self.emu("GET", "books")
        return books

    def payments(self) -> list[dict[str, Any]]:
        payments: list[dict[str, Any]] = self.emu("GET", "payments")
        return payments

    def deliveries(self, event: str | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.emu("GET", "deliveries")
        return [row for row in rows if event in (None, row["event"])]
