"""The sandbox's page in headless Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.server import SandboxThread
from tests.chromium import chromium
from tests.sandbox.page.bot_hand import BotHand
from tests.world import PanelWorld, PaymentWorld, TelegramWorld, XuiWorld

__all__ = ["chromium"]


@pytest.fixture
def bot(telegram: TelegramWorld) -> BotHand:
    return BotHand(telegram.address)


@pytest.fixture
def page(
    chromium: Browser,
    box: SandboxThread,
    telegram: TelegramWorld,
    marzban: PanelWorld,
    second_marzban: PanelWorld,
    xui_clients: XuiWorld,
    xui_legacy: XuiWorld,
    yookassa: PaymentWorld,
) -> Iterator[Page]:
    """The page in a fresh browser, with Anna's chat open; what goes wrong in its code fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(box.addresses["page"])
    expect(page.locator(".customer")).to_have_count(4)
    page.set_default_timeout(15_000)
    yield page
    context.close()
    assert troubles == []


@pytest.fixture
def chat(page: Page, bot: BotHand) -> Page:
    """Anna has pressed Start, and the bot knows."""
    page.get_by_role("button", name="Start", exact=True).click()
    bot.next_update()
    return page
