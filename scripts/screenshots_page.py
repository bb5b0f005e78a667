"""The pictures of the customer's page: four states, on a phone and a desktop, light and dark."""

import hashlib
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import requests
from playwright.sync_api import Page, ViewportSize

from scripts.studio import DESKTOP, PHONE, Studio, save, wait_for

LENA, MIRA, NORA, OMAR = 2101, 2102, 2103, 2104
NAMES = {LENA: "Lena", MIRA: "Mira", NORA: "Nora", OMAR: "Omar"}
GIGABYTES = 50
GIGABYTE = 2**30
STATES = {LENA: "active", MIRA: "exhausted", NORA: "expired", OMAR: "disabled"}
AGENTS = {
    "phone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "desktop": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
}
LARGEST = 1800


def photograph_pages(studio: Studio, database: Path) -> None:
    """Bring four customers into four states, and look at their pages; then at one that imports."""
    limit_trials(studio)
    links = {customer: take_trial(studio, customer) for customer in NAMES}
    let_use(database, links[LENA], 18)
    let_use(database, links[MIRA], GIGABYTES)
    let_end(database, links[NORA])
    disable(studio, OMAR)
    signs = {LENA: "32 of 50 GB", MIRA: "exhausted", NORA: "expired", OMAR: "disabled"}
    for customer, sign in signs.items():
        wait_for(f"the page to say {sign}", partial(says, links[customer], sign), 60)
        for dark in (False, True):
            photograph(studio, links[customer], f"page-{STATES[customer]}", dark=dark)
    address = links[LENA].replace("/s/", "/open/happ/")
    with studio.window(size=PHONE, dark=True, user_agent=AGENTS["phone"]) as page:
        page.goto(f"{address}?lang=ru")
        save_page(page, PHONE, "page-import-phone-dark")


def photograph(studio: Studio, link: str, name: str, *, dark: bool) -> None:
    """Take the page on both sizes; dark ones in Russian."""
    shade, address = ("-dark", f"{link}?lang=ru") if dark else ("", link)
    for size, device in ((PHONE, "phone"), (DESKTOP, "desktop")):
        with studio.window(size=size, dark=dark, user_agent=AGENTS[device]) as page:
            page.goto(address)
            save_page(page, size, f"{name}-{device}{shade}")


def save_page(page: Page, size: ViewportSize, name: str) -> None:
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(max(height, size["height"]), LARGEST)})
    save(page, name)


def says(link: str, sign: str) -> bool:
    page = requests.get(link, headers={"Accept": "text/html"}, timeout=10).text
    return sign in page


def limit_trials(studio: Studio) -> None:
    """Give trials a limit of traffic, the way staff do, so that there is something left to show."""
    with studio.admin("subscriptions/plan/") as page:
        page.get_by_role("link", name="Trial").first.click()
        page.fill("[name=traffic_limit]", str(GIGABYTES))
        page.locator("[name=_save]").click()
        page.get_by_text("was changed successfully").wait_for()


def take_trial(studio: Studio, customer: int) -> str:
    """Take a trial in the chat and return the customer's link."""
    shop = studio.shop
    shop.say(customer, "/start", first_name=NAMES[customer], language_code="en")
    shop.said_by_bot(customer, "👋")
    shop.press(customer, "trial")
    shop.shown_key(customer)
    caption = shop.emulate("GET", f"/_emu/chats/{customer}")[-1]["caption"]
    found = re.search(r"https?://\S+/s/[\w-]+", caption)
    assert found is not None, caption
    return found[0]


def let_use(database: Path, link: str, gigabytes: int) -> None:
    """Let traffic flow: nobody waits for so much of it, nor for time to pass, for a picture."""
    accounts = "SELECT access_id FROM subscriptions_subscription WHERE token_hash = ?"
    change(
        database,
        f"UPDATE vpnpanel_panelaccount SET used_bytes = ? WHERE access_id = ({accounts})",
        gigabytes * GIGABYTE,
        link,
    )


def let_end(database: Path, link: str) -> None:
    """Let the subscription have ended two days ago; the shop's own sweep does the rest."""
    ended = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(days=2)
    query = "UPDATE subscriptions_subscription SET expires_at = ? WHERE token_hash = ?"
    change(database, query, ended.isoformat(" "), link)


def change(database: Path, query: str, value: object, link: str) -> None:
    token_hash = hashlib.sha256(link.rpartition("/")[2].encode()).hexdigest()
    with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as rows:
        rows.execute(query, [value, token_hash])


def disable(studio: Studio, customer: int) -> None:
    """Switch the customer's subscription off, as staff do."""
    with studio.admin(f"subscriptions/subscription/?q={customer}") as page:
        page.locator("#result_list tbody tr").first.get_by_role("link").first.click()
        page.get_by_role("link", name="Disable").first.click()
        page.fill("[name=reason]", "Shared with a crowd")
        page.locator("form button[type=submit]").last.click()
        page.locator("[name=confirm]").click()
        page.get_by_text("Disabled. The panels follow").wait_for()
