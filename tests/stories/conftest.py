from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.models import User
from billing.models import Order
from core.services import claim_installation
from subscriptions.models import Plan
from telegram_bot.models import Update
from tests.factories import agree_to_all, make_customer, make_panel, make_provider_account
from tests.shop import RunningBot, RunningWorker, buttons, wait_for
from tests.world import Message, PanelWorld, PaymentWorld, TelegramWorld

ANNA = 5_001


@dataclass
class Shop:
    bot: RunningBot
    telegram: TelegramWorld
    panel: PanelWorld


@pytest.fixture
def shop(live_db: None, telegram: TelegramWorld, marzban: PanelWorld) -> Iterator[Shop]:
    """The whole shop at work: bot, worker, one panel."""
    claim_installation()
    make_panel(marzban)
    with RunningBot() as bot, RunningWorker():
        yield Shop(bot, telegram, marzban)


@dataclass
class Till:
    """A shop that sells, and Anna who buys the 30-day plan in its chat."""

    bot: RunningBot
    telegram: TelegramWorld
    payments: PaymentWorld

    def anna(self) -> User:
        return make_customer(telegram_id=ANNA)

    def plan(self) -> Plan:
        return Plan.objects.get(code="month")

    def press(self, button: str, *, then: str) -> Message:
        """Press the newest button with this caption, or the one that begins so, and wait for the answer."""
        pressed = self.tap(button)
        wait_for(lambda: Update.objects.filter(update_id=pressed["update_id"], state="answered").exists(), 30)
        return self.sees(then)

    def tap(self, button: str) -> Any:
        shown = [each for message in self.telegram.answers(ANNA) for each in buttons(message)]
        return self.telegram.press(ANNA, next(each for each in reversed(shown) if each.startswith(button)))

    def sees(self, text: str) -> Message:
        """Wait until one of the newest messages says so: a screen and a message may come side by side."""

        def look() -> Message | None:
            newest = reversed(self.telegram.answers(ANNA)[-3:])
            return next((each for each in newest if text in (each.get("text") or each.get("caption"))), None)

        try:
            return wait_for(look)
        except AssertionError as failed:
            shown = [each.get("text") or each.get("caption") for each in self.telegram.answers(ANNA)[-3:]]
            raise AssertionError(f"no answer with {text!r}: {shown}") from failed

    def go_to_checkout(self) -> Message:
        """Have Anna, who agreed to everything before, choose the plan."""
        agree_to_all(self.anna())
        self.telegram.say(ANNA, "/buy")
        self.sees("Plans")
        return self.press("Buy: 30 days", then="Choose how to pay")

    def go_to_pay(self) -> Message:
        """Have Anna come as far as the link to pay by."""
        self.go_to_checkout()
        return self.press("💳 Pay", then="Waiting for your payment")

    def link(self) -> str:
        """Return the address behind the newest button to pay."""
        rows = [
            row for each in self.telegram.answers(ANNA) for row in each["reply_markup"]["inline_keyboard"]
        ]
        return next(button["url"] for row in reversed(rows) for button in row if "url" in button)

    def order(self, state: str) -> Order:
        return wait_for(lambda: Order.objects.filter(state=state).order_by("-id").first(), 30)


@pytest.fixture
def worker(live_db: None) -> Iterator[None]:
    with RunningWorker():
        yield


@pytest.fixture
def till(live_db: None, telegram: TelegramWorld, yookassa: PaymentWorld) -> Iterator[Till]:
    """A shop that sells: the bot and a provider. No worker: what happens is what the bot does."""
    claim_installation()
    make_provider_account()
    with RunningBot() as bot:
        yield Till(bot, telegram, yookassa)
