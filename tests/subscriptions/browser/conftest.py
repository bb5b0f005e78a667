"""The customer's pages in headless Chromium, served to it over HTTP."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.chromium import launch, needed

Act = Callable[[Browser], None]


@pytest.fixture(scope="module")
def browse() -> Iterator[Callable[[Act], None]]:
    """Run what is done in the browser in a thread of its own.

    Playwright runs an event loop in its thread, where Django would hand out other database connections.
    """
    needed()
    with ThreadPoolExecutor(1) as thread:
        playwright = thread.submit(lambda: sync_playwright().start()).result()
        browser = thread.submit(launch, playwright).result()
        yield lambda act: thread.submit(act, browser).result()
        thread.submit(browser.close).result()
        thread.submit(playwright.stop).result()
