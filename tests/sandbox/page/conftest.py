"""The sandbox's page in headless Chromium."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sandbox.server import SandboxThread
from tests.sandbox.page.bot_hand import BotHand
from tests.world import PanelWorld, PaymentWorld, TelegramWorld, XuiWorld

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # The machine that runs the tests may be busy with other workers.
    expect.set_options(timeout=15_000)
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


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
