"""An open demo with a browser that looks at it: what the pictures of docs/screenshots are taken with."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "screenshots"
FIRST_PORT = "8700"
PACKAGES = ["chromium", "fonts-noto-color-emoji"]
START_SECONDS = 120
WAIT_SECONDS = 30
MOST_BYTES = 300_000
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


class Failed(Exception):
    """The pictures can't be taken; the message is for whoever asked for them."""


def find_chromium() -> str:
    """Return Chromium's path, installing Debian's if need be and allowed. Raises Failed."""
    if found := shutil.which("chromium") or shutil.which("chromium-browser"):
        return found
    install = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
    if found := shutil.which("chromium"):
        return found
    raise Failed(f"Chromium is not installed. Run: sudo {' '.join(install)}")


def wait_for(what: str, look: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """Return what `look` finds as soon as it finds something. Raises Failed."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Failed(f"Waited {seconds:.0f} s for nothing: {what}.")
        time.sleep(0.2)
    return found


@dataclass(frozen=True)
class Shop:
    """An open demo: its addresses, and the password it has shown."""

    addresses: dict[str, str]
    password: str

    def emulate(self, method: str, call: str, /, **fields: Any) -> Any:
        """Make a control call of the sandbox; `call` is what follows the page's address."""
        answer = requests.request(
            method, f"{self.addresses['sandbox']}{call}", json=fields or None, timeout=30
        )
        answer.raise_for_status()
        return answer.json()

    def said_by_bot(self, customer: int, text: str) -> dict[str, Any]:
        """Wait until the newest message of the chat contains `text`, and return it."""

        def newest() -> dict[str, Any] | None:
            chat = self.emulate("GET", f"/_emu/chats/{customer}")
            last: dict[str, Any] = chat[-1] if chat else {}
            return last if text in last.get("text", last.get("caption", "")) else None

        found: dict[str, Any] = wait_for(f"{text!r} in chat {customer}", newest)
        return found

    def shown_key(self, customer: int) -> None:
        """Wait until the newest message of the chat is a key's QR code."""

        def is_there() -> bool:
            chat = self.emulate("GET", f"/_emu/chats/{customer}")
            return bool(chat) and "photo" in chat[-1]

        wait_for(f"a key in chat {customer}", is_there)

    def say(self, customer: int, text: str, **user: Any) -> None:
        self.emulate("POST", "/_emu/say", user_id=customer, text=text, **user)

    def press(self, customer: int, action: str) -> None:
        self.emulate("POST", "/_emu/press", user_id=customer, data=f"v1:{action}")

    def panels(self) -> list[str]:
        return [panel["name"] for panel in self.emulate("GET", "/config")["panels"]]

    def panel(self, name: str, method: str, call: str, **fields: Any) -> Any:
        return self.emulate(method, f"/panels/{quote(name)}/_emu/{call}", **fields)


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """Run a demo in `folder` until the block ends. Raises Failed if it does not open."""
    environment = {**os.environ, "DEMO_FOLDER": str(folder / "demo"), "DEMO_PORT": FIRST_PORT}
    said = folder / "output"
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    published = folder / "demo" / "addresses.json"
    try:
        wait_for("the demo to open", lambda: published.exists() or process.poll() is not None, START_SECONDS)
        shown = wait_for("the password", lambda: re.search(r"password (\S+)", said.read_text()), 10)
        yield Shop(json.loads(published.read_text()), shown[1])
    except (Failed, OSError) as failed:
        raise Failed(f"{failed} The demo said:\n{said.read_text()}") from failed
    finally:
        process.terminate()
        process.wait(30)


def save(page: Page, name: str) -> None:
    """Write docs/screenshots/<name>.png, with a palette only where the picture is too big without."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    path = PICTURES / f"{name}.png"
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        palette = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2)
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB\n")


def save_whole(page: Page, name: str) -> None:
    """Save a page that is longer than the window."""
    page.wait_for_load_state("networkidle")
    height = page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollHeight))")
    page.set_viewport_size({"width": DESKTOP["width"], "height": min(height + 80, 1800)})
    save(page, name)


@dataclass(frozen=True)
class Studio:
    """A browser and the shop it looks at. Every method opens a window of its own and closes it."""

    browser: Browser
    shop: Shop
    cookies: list[Any]

    @contextmanager
    def window(
        self,
        *,
        size: ViewportSize = DESKTOP,
        dark: bool = False,
        language: str = "en",
        user_agent: str | None = None,
    ) -> Iterator[Page]:
        context = self.browser.new_context(
            viewport=size,
            color_scheme="dark" if dark else "light",
            locale=language,
            user_agent=user_agent,
            device_scale_factor=2 if size == PHONE else 1,
        )
        try:
            yield context.new_page()
        finally:
            context.close()

    @contextmanager
    def chat(self, customer: int, *, phones: int = 1, **look: Any) -> Iterator[Page]:
        """Open the sandbox's page on a customer's chat."""
        language = look.get("language", "en")
        with self.window(**look) as page:
            wishes = {"user": customer, "phones": phones, "language": language, "tourHidden": "yes"}
            page.add_init_script(f"Object.assign(localStorage, {json.dumps(wishes)})")
            page.goto(self.shop.addresses["sandbox"])
            page.locator(f"[data-user='{customer}'][aria-current=true]").wait_for(state="attached")
            if look.get("size") == PHONE:
                page.evaluate("document.body.dataset.tab = 'chat'")
            yield page

    @contextmanager
    def admin(self, path: str = "", **look: Any) -> Iterator[Page]:
        """Open a page of the admin, signed in."""
        with self.window(**look) as page:
            page.context.add_cookies(self.cookies)
            page.goto(f"{self.shop.addresses['admin']}{path}")
            yield page

    def button_answered(self, page: Page, customer: int, button: str, text: str) -> None:
        """Press a button on the page and wait until its screen is drawn."""
        page.get_by_role("button", name=button, exact=True).last.click()
        self.shop.said_by_bot(customer, text)
        page.locator(".words").last.get_by_text(text).wait_for()
