"""What a person does with the page: copy the link, open an app; and all the rest without JavaScript."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from subscriptions.models import Subscription
from tests.factories import make_subscription, serve

pytestmark = pytest.mark.browser

PHONE: ViewportSize = {"width": 390, "height": 844}
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
scripted = pytest.mark.parametrize("has_script", [True, False], ids=["with-javascript", "without"])


@pytest.fixture
def subscription(live_db: None, live_server, settings) -> Subscription:
    settings.PUBLIC_BASE_URL, settings.ALLOWED_HOSTS = live_server.url, ["*"]
    settings.TELEGRAM_BOT_USERNAME = "shop_bot"
    subscription = make_subscription(traffic_limit=10 * 2**30)
    serve(subscription, used_bytes=3 * 2**30)
    return subscription


@contextmanager
def phone(chromium: Browser, **options) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=PHONE, user_agent=ANDROID, **options)
    yield context
    context.close()


@contextmanager
def opened(context: BrowserContext, address: str) -> Iterator[Page]:
    """Open a page; what its own policy forbids, or its code does wrong, fails the test."""
    troubles: list[str] = []
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.goto(address)
    yield page
    assert troubles == []


@scripted
def test_page_is_whole_with_and_without_javascript(browse, subscription, has_script):
    def look(chromium: Browser) -> None:
        with phone(chromium, java_script_enabled=has_script) as context, opened(context, link) as page:
            expect(page.get_by_role("heading", level=1)).to_have_text("Your VPN works")
            expect(page.get_by_role("progressbar")).to_be_visible()
            expect(page.get_by_role("link", name="Renew subscription")).to_be_visible()
            part = page.locator("details.platform[open]")
            expect(part.locator("summary").first).to_have_text("Android")
            expect(part.get_by_text("recommended")).to_be_visible()
            page.get_by_text("iPhone, iPad").click()
            expect(part.locator("summary").first).to_have_text("iPhone, iPad")
            expect(page.get_by_role("textbox")).to_have_value(link)
            expect(page.get_by_role("button", name="Copy")).to_have_count(1 if has_script else 0)
            assert page.evaluate(OVERFLOW) == 0, "a phone would scroll sideways"
            page.get_by_role("link", name="Русский").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Ваш VPN работает")

    link = subscription.link
    browse(look)


@scripted
def test_the_way_from_the_page_into_an_app(browse, subscription, has_script):
    def look(chromium: Browser) -> None:
        with phone(chromium, java_script_enabled=has_script) as context, opened(context, link) as page:
            page.get_by_role("link", name="Add to Happ").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Happ")
            button = page.get_by_role("link", name="Add to Happ")
            expect(button).to_have_attribute("href", f"happ://add/{link}")
            box = button.bounding_box()
            assert box is not None and box["height"] >= 48 and box["width"] > 300
            button.click()  # no such app here: the page stays, and says what to do
            expect(page.get_by_text("Nothing happens?")).to_be_visible()

    link = subscription.link
    browse(look)


def test_the_link_is_copied(browse, subscription):
    def look(chromium: Browser) -> None:
        rights = ["clipboard-read", "clipboard-write"]
        with phone(chromium, permissions=rights) as context, opened(context, link) as page:
            page.get_by_role("button", name="Copy").click()
            expect(page.get_by_role("button", name="Copied")).to_be_visible()
            assert page.evaluate("navigator.clipboard.readText()") == link

    link = subscription.link
    browse(look)


def test_the_link_is_copied_where_the_clipboard_is_refused(browse, subscription):
    def look(chromium: Browser) -> None:
        with phone(chromium) as context:
            context.add_init_script("delete Navigator.prototype.clipboard")
            with opened(context, link) as page:
                page.get_by_role("button", name="Copy").click()
                expect(page.get_by_role("button", name="Copied")).to_be_visible()

    link = subscription.link
    browse(look)
