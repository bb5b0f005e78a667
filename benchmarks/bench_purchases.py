"""From money to access: notice to active access at 10 orders a second, and the way from /start to a paid key.

Usage: python scripts/services.py --durable python -m benchmarks.bench_purchases [--quick]
"""

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import requests

from benchmarks.stage import (
    FIRST_PORT,
    TOKEN,
    answers,
    database,
    percentile,
    prepared,
    process,
    shop_settings,
    wait_until,
    write_figures,
)
from vpnservice.demo.ports import choose_ports
from vpnservice.demo.roles import shop_commands

PER_SECOND = 10
PANEL_SECONDS = 0.03
PANEL_PASSWORD = "shop-sandbox-password"
customers = itertools.count(800_000_001)

# From the arrival of the notice to the panel's confirmation of what was bought.
WAITS = """
SELECT extract(epoch FROM access.applied_at - notice.received_at)
FROM billing_notice notice
JOIN billing_payment payment ON payment.id = notice.payment_id
JOIN billing_order paid ON paid.id = payment.order_id
JOIN subscriptions_subscription subscription ON subscription.id = paid.subscription_id
JOIN vpnpanel_access access ON access.id = subscription.access_id
WHERE access.applied_generation = access.generation AND notice.event = 'payment.succeeded'
"""


@dataclass(frozen=True)
class Size:
    orders: int
    journeys: int


WHOLE, QUICK = Size(300, 30), Size(60, 5)


class World:
    """The sandbox as a process: Telegram, YooKassa and a panel that takes 30 ms for each call."""

    def __init__(self) -> None:
        self.ports = choose_ports(FIRST_PORT + 500, lambda line: None)
        self.telegram = f"http://127.0.0.1:{self.ports['telegram_api']}"
        self.yookassa = f"http://127.0.0.1:{self.ports['yookassa']}"
        self.panel = f"http://127.0.0.1:{self.ports['marzban']}"
        self.web = f"http://127.0.0.1:{self.ports['web']}"
        self._http = requests.Session()

    def command(self) -> list[str]:
        ports = self.ports
        return [
            sys.executable, "manage.py", "sandbox", "--page-port", str(ports["sandbox"]),
            "--telegram-port", str(ports["telegram_api"]), "--marzban-port", str(ports["marzban"]),
            "--yookassa-port", str(ports["yookassa"]),
            "--yookassa-webhook", f"{self.web}/webhooks/yookassa", "--bot-token", TOKEN,
        ]  # fmt: skip

    def emu(self, base: str, call: str, /, **wish: Any) -> Any:
        answer = self._http.request(
            "POST" if wish else "GET", f"{base}/_emu/{call}", json=wish or None, timeout=30
        )
        answer.raise_for_status()
        return answer.json()

    def settings(self, database_url: str, folder: Path, telegram: Any) -> dict[str, str]:
        return {
            **shop_settings(telegram, database_url, folder),
            "PUBLIC_BASE_URL": self.web,
            "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
            "TELEGRAM_BOT_USERNAME": "sandbox_vpn_bot",
            "YOOKASSA_API_URL": f"{self.yookassa}/v3",
            "YOOKASSA_NOTICE_ADDRESSES": "127.0.0.0/8, ::1",
        }


class Customer:
    """Somebody with a phone, who presses what the bot's newest message offers."""

    def __init__(self, world: World) -> None:
        self.id, self.world = next(customers), world
        world.emu(
            world.telegram, "say", user_id=self.id, first_name="Anna", language_code="en", text="/start"
        )

    def press(self, action: str) -> None:
        """Press the first button whose code begins with `action`, and wait for what it leads to."""
        before: list[str] = []

        def look() -> bool:
            before[:] = self.codes()
            return any(code.startswith(f"v1:{action}") for code in before)

        wait_until(look, 30, f"a button {action}", pause=0.005)
        data = next(code for code in before if code.startswith(f"v1:{action}"))
        self.world.emu(self.world.telegram, "press", user_id=self.id, data=data)
        wait_until(lambda: self.codes() != before, 30, f"what {action} leads to", pause=0.005)

    def chat(self) -> list[dict[str, Any]]:
        said = self.world.emu(self.world.telegram, f"chats/{self.id}")
        return [message for message in said if message["from"]["is_bot"]]

    def codes(self) -> list[str]:
        chat = self.chat()
        rows = chat[-1].get("reply_markup", {}).get("inline_keyboard", []) if chat else []
        return [button.get("callback_data", "") for row in rows for button in row]

    def links(self) -> list[str]:
        """Return where the newest message's buttons lead: the pay page, once it is made."""
        chat = self.chat()
        rows = chat[-1].get("reply_markup", {}).get("inline_keyboard", []) if chat else []
        return [button["url"] for row in rows for button in row if button.get("url", "").startswith("http")]

    def order(self) -> str:
        """Go through the checkout up to the pay page, and return the provider's id of the payment."""
        for action in ("plans", "buy:", "agree:", "agree:", "pay:"):
            self.press(action)
        pages: list[str] = []

        def look() -> bool:
            pages[:] = [link for link in self.links() if link.startswith(self.world.yookassa)]
            return bool(pages)

        wait_until(look, 30, "the link to the pay page", pause=0.005)
        return pages[0].rpartition("/")[2].partition("?")[0].rpartition("=")[2]

    def has_key(self) -> bool:
        return any("/s/" in str(message.get("caption", "")) for message in self.chat())


@contextmanager
def shop(world: World, url: str, folder: Path) -> Iterator[None]:
    """All roles of the shop, selling."""
    settings = world.settings(url, folder, type("Telegram", (), {"address": world.telegram})())
    prepared(settings)
    with ExitStack() as stack:
        stack.enter_context(process(world.command(), settings, folder / "sandbox.log"))
        wait_until(lambda: answers(f"{world.telegram}/bot{TOKEN}/getMe"), 30, "the sandbox")
        world.emu(world.telegram, "rates", enabled=False)
        world.emu(world.panel, "fail", call="*", kind="delay", seconds=PANEL_SECONDS)
        sell = (
            "from vpnservice.demo.database import open_till; from vpnpanel.services import register_panel\n"
            f"register_panel(name='nl-1', base_url='{world.panel}', username='shop', "
            f"password='{PANEL_PASSWORD}')\n"
            "why = open_till()\nassert not why, why"
        )
        command = [sys.executable, "manage.py", "shell", "-c", sell]
        with process(command, settings, folder / "sell.log") as run:
            assert run.wait(60) == 0, (folder / "sell.log").read_text()
        for role, command in shop_commands(Path.cwd(), world.ports).items():
            stack.enter_context(process(command, settings, folder / f"{role}.log"))
        wait_until(lambda: answers(f"{world.web}/healthz"), 60, "the web role")
        yield


def pay_at_pace(world: World, payments: list[str]) -> None:
    """Pay ten a second, whatever the shop does."""
    began = time.monotonic()
    for number, payment_id in enumerate(payments):
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        world.emu(world.yookassa, "pay", payment_id=payment_id)


def waits(url: str) -> list[float]:
    with psycopg.connect(url) as connection:
        return [float(row[0]) for row in connection.execute(WAITS).fetchall()]


async def place(world: World, count: int) -> list[str]:
    """Let customers come, a few at a time, up to the pay page."""
    turns = asyncio.Semaphore(8)

    async def one() -> str:
        async with turns:
            return await asyncio.to_thread(lambda: Customer(world).order())

    return list(await asyncio.gather(*(one() for _ in range(count))))


def journey(world: World) -> float:
    """Return the seconds from /start to the message with the key, of somebody who never hesitates."""
    began = time.perf_counter()
    customer = Customer(world)
    world.emu(world.yookassa, "pay", payment_id=customer.order())
    wait_until(customer.has_key, 30, "the key", pause=0.005)
    return time.perf_counter() - began


def shown(name: str, times: list[float]) -> str:
    figures = [percentile(times, share) * 1000 for share in (0.5, 0.95, 0.99)]
    return f"| {name} | {len(times)} | " + " | ".join(f"{figure:.0f}" for figure in figures) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few orders: no figures are kept")
    options = parser.parse_args()
    size = QUICK if options.quick else WHOLE
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        url, world = stack.enter_context(database()), World()
        stack.enter_context(shop(world, url, folder))
        journeys = [journey(world) for _ in range(size.journeys)]
        alone = len(waits(url))
        payments = asyncio.run(place(world, size.orders))
        pay_at_pace(world, payments)
        wait_until(lambda: len(waits(url)) >= alone + size.orders, 60, "all access", pause=0.5)
        at_pace = waits(url)[alone:]
    lines = ["| from … to … | orders | p50, ms | p95, ms | p99, ms |", "|" + " --- |" * 5]
    lines.append(shown(f"notice to active access, {PER_SECOND} orders/s", at_pace))
    lines.append(shown("/start to the paid key, one customer", journeys))
    if options.quick:
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        write_figures("purchases", lines)


if __name__ == "__main__":
    main()
