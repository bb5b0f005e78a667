"""Takes the pictures of docs/screenshots: opens a demo of its own, plays a few customers, photographs all.

Usage: python -m scripts.screenshots

Needs Chromium; where it is missing Debian's is installed if that is allowed.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.screenshots_money import photograph_buying, photograph_money, play_money
from scripts.screenshots_page import photograph_pages
from scripts.studio import (
    DESKTOP,
    PHONE,
    PICTURES,
    Failed,
    Shop,
    Studio,
    find_chromium,
    open_shop,
    save,
    save_whole,
    wait_for,
)

STAFF = "admin"

ANNA, CLAIRE, DENIZ = 1001, 1003, 1004
# The page makes these by itself when somebody opens it; here nobody has yet.
WALLET = {
    ANNA: {"first_name": "Anna", "last_name": "Orlova", "username": "anna_sandbox", "language_code": "ru"},
    CLAIRE: {
        "first_name": "Claire",
        "last_name": "Martin",
        "username": "claire_sandbox",
        "language_code": "en",
    },
    DENIZ: {"first_name": "Deniz", "language_code": "en"},
}
GUESTS = ("Elif Kaya", "Farid Aliev", "Greta Lind", "Hugo Costa", "Irina Volkova", "Jonas Berg", "Kira Nowak")


def play(shop: Shop) -> None:
    """Fill the shop: guests, Claire and Anna on trials, with some traffic."""
    for number, name in enumerate(GUESTS, start=2001):
        first, last = name.split()
        shop.say(number, "/start", first_name=first, last_name=last, language_code="en")
        shop.said_by_bot(number, "👋")
        shop.press(number, "trial")
    for customer in (CLAIRE, ANNA):
        shop.say(customer, "/start", **WALLET[customer])
        shop.said_by_bot(customer, "👋")
        shop.press(customer, "trial")
        shop.shown_key(customer)
    for panel in shop.panels():
        for position, account in enumerate(shop.panel(panel, "GET", "users")):
            used = (position % 5 + 1) * 700_000_000
            shop.panel(panel, "POST", "traffic", username=account["username"], bytes=used)


def sign_in(browser: Browser, shop: Shop) -> list[Any]:
    """Photograph the sign-in page, sign in, and return the cookies."""
    page = browser.new_page(viewport=DESKTOP)
    page.goto(shop.addresses["admin"])
    save(page, "admin-sign-in")
    page.fill("[name=username]", STAFF)
    page.fill("[name=password]", shop.password)
    page.keyboard.press("Enter")
    page.wait_for_url(shop.addresses["admin"])
    cookies: list[Any] = page.context.cookies()
    page.close()
    return cookies


def photograph_chats(studio: Studio) -> None:
    with studio.chat(CLAIRE) as page:
        page.locator(".account").first.wait_for()
        page.locator(".picture img").wait_for()
        save(page, "chat")
    with studio.chat(ANNA, phones=2, dark=True, language="ru") as page:
        page.locator(".account").first.wait_for()
        page.locator(".picture img").first.wait_for()
        save(page, "chat-dark-two-phones")
    with studio.chat(CLAIRE, size=PHONE) as page:
        save(page, "phone-key")
        studio.button_answered(page, CLAIRE, "☰ Menu", "Your VPN works")
        studio.button_answered(page, CLAIRE, "💳 Plans", "You save")
        save(page, "phone-plans")
        studio.button_answered(page, CLAIRE, "☰ Menu", "Your VPN works")
        studio.button_answered(page, CLAIRE, "👤 My profile", "Works until")
        save(page, "phone-profile")
    photograph_guide(studio)


def photograph_guide(studio: Studio) -> None:
    """The guide for one platform, in Russian on a dark phone."""
    studio.shop.press(ANNA, "connect")
    studio.shop.said_by_bot(ANNA, "📱")
    with studio.chat(ANNA, size=PHONE, dark=True, language="ru") as page:
        studio.button_answered(page, ANNA, "🤖 Android", "Happ")
        save(page, "phone-guide-ru")


def photograph_admin(studio: Studio) -> None:
    with studio.admin() as page:
        page.locator(".bo-days").wait_for()
        save_whole(page, "admin-home")
    with studio.admin("accounts/user/") as page:
        save(page, "admin-customers")
    with studio.admin("accounts/user/") as page:
        page.get_by_role("link", name="Claire Martin").first.click()
        extend(page)
        wait_for("the panel to follow", lambda: is_applied(page))
        save_whole(page, "admin-customer")
        address = page.url.removeprefix(studio.shop.addresses["admin"])
    with studio.admin(address, dark=True) as page:
        save_whole(page, "admin-customer-dark")
    with studio.admin("vpnpanel/panel/") as page:
        page.get_by_role("link", name="Demo panel").first.click()
        save_whole(page, "admin-panel")
    with studio.admin("subscriptions/plan/") as page:
        save(page, "admin-plans")
    with studio.admin("django_celery_beat/periodictask/", dark=True) as page:
        save(page, "admin-schedules")


def extend(page: Page) -> None:
    """Give the customer on the page ten days more, the way staff do."""
    page.get_by_role("link", name="Extend").first.click()
    page.fill("[name=days]", "10")
    page.fill("[name=reason]", "Sorry for Tuesday's outage")
    page.locator("form button[type=submit]").last.click()
    page.locator("[name=confirm]").click()
    page.get_by_text("Extended by 10 days").wait_for()


def is_applied(page: Page) -> bool:
    page.reload()
    return page.get_by_text("waits", exact=True).count() == 0


def check_panel(studio: Studio) -> None:
    """Have the panel's own figures read, which happens by itself every 15 minutes."""
    with studio.admin("vpnpanel/panel/") as page:
        page.get_by_role("link", name="Demo panel").first.click()
        page.get_by_role("button", name="Check now").click()

        def is_done() -> bool:
            page.reload()
            return page.get_by_text("Done", exact=True).count() > 0

        wait_for("the check of the panel", is_done)


def photograph_outage(studio: Studio) -> None:
    """The cables of all panels are pulled, and Deniz takes a trial all the same."""
    shop = studio.shop
    pull_cables(shop, down=True)
    try:
        shop.say(DENIZ, "/start", **WALLET[DENIZ])
        shop.said_by_bot(DENIZ, "Hello")
        shop.press(DENIZ, "trial")
        shop.said_by_bot(DENIZ, "is being activated")
        with studio.chat(DENIZ) as page:
            page.locator(".panel.down").first.wait_for()
            save(page, "chat-outage")
        photograph_troubles(studio)
    finally:
        pull_cables(shop, down=False)


def pull_cables(shop: Shop, *, down: bool) -> None:
    for panel in shop.panels():
        shop.panel(panel, "POST", "outage", down=down)


def photograph_troubles(studio: Studio) -> None:
    """The home page once an access lags for a minute, which is when it begins to count."""
    with studio.admin(dark=True) as page:

        def is_noticed() -> bool:
            page.reload()
            return page.locator(".bo-grave").count() >= 2

        wait_for("the home page to notice the outage", is_noticed, 120)
        save(page, "admin-home-troubles")


def take_pictures(chromium: str, folder: Path) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with open_shop(folder) as shop, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        play(shop)
        studio = Studio(browser, shop, sign_in(browser, shop))
        check_panel(studio)
        photograph_chats(studio)
        photograph_buying(studio, CLAIRE)
        play_money(shop)
        photograph_money(studio)
        photograph_admin(studio)
        photograph_pages(studio, folder / "demo" / "shop.sqlite3")
        photograph_outage(studio)
        browser.close()


def main() -> int:
    try:
        with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
            take_pictures(find_chromium(), Path(folder))
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
