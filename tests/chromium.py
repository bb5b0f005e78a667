"""Headless Chromium for tests of pages; without it they are skipped."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def launch(playwright: Playwright) -> Browser:
    # The machine that runs the tests may be busy with other workers.
    expect.set_options(timeout=15_000)
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


def needed() -> None:
    """Skip the test where there is no Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    needed()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()
