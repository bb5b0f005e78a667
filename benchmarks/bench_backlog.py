"""After an outage: how long until every change made meanwhile is on the panel that came back.

Usage: python scripts/services.py --durable python -m benchmarks.bench_backlog [--quick]
"""

import argparse
import os
import subprocess
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

from benchmarks.bench_purchases import PANEL_PASSWORD, PANEL_SECONDS, World
from benchmarks.stage import (
    FIRST_PORT,
    TOKEN,
    answers,
    database,
    percentile,
    prepared,
    process,
    wait_until,
    write_figures,
)
from vpnservice.demo.ports import choose_ports
from vpnservice.demo.roles import shop_commands

TARGET_SECONDS = 60
LAGGING = 100
TOKEN_OF_XUI = "xui-sandbox-token-0123456789abcdef0123456789abcd"

OPEN_PANELS = """
from vpnpanel.services import register_panel
for fields in {panels!r}:
    register_panel(**fields)
"""
SELL = """
from vpnpanel.models import Panel
Panel.objects.exclude(name__in={names!r}).update(state='closed')
Panel.objects.filter(name__in={names!r}).update(state='open')
"""
MAKE = """
from datetime import timedelta
from django.db import transaction
from accounts.services import arrive
from core import clock
from vpnpanel.models import PanelGroup
from vpnpanel.services import open_access
for number in range({count}):
    with transaction.atomic():
        customer, _ = arrive(telegram_id={first_customer} + number, first_name='Anna',
            last_name='', telegram_username='', language_code='en', start_payload='')
        open_access(customer, until=clock.now() + timedelta(days=7), traffic_limit=0, devices=0,
            groups=PanelGroup.objects.all(), panel_count={panel_count}, announce=False)
"""
CHANGE = """
from datetime import timedelta
from django.db import transaction
from vpnpanel.models import Access
from vpnpanel.services import change_access
for access in Access.objects.filter(user__telegram_id__gte={first_customer}):
    with transaction.atomic():
        change_access(access.pk, until=access.until + timedelta(days=30))
"""


@dataclass(frozen=True)
class Case:
    """Customers live on all of the `panels`, by name; the first one is the one that goes."""

    label: str
    panels: tuple[str, ...]

    @property
    def first_customer(self) -> int:
        return 900_000_000 + CASES.index(self) * 100_000


CASES = (
    Case("on Marzban", ("nl-1",)),
    Case("on two Marzban panels each, one of them away", ("nl-1", "de-1")),
    Case("on 3x-ui 3.5.0", ("fi-1",)),
    Case("on 3x-ui 2.8.9", ("lv-1",)),
)


class Panels(World):
    """Four panels that take 30 ms for each call."""

    def __init__(self) -> None:
        super().__init__()
        more, others = (choose_ports(FIRST_PORT + first, lambda line: None) for first in (700, 900))
        self.ports |= {"marzban2": more["marzban"], "xui": more["xui"], "xui2": others["xui"]}
        self.panels = {
            name: f"http://127.0.0.1:{self.ports[port]}"
            for name, port in (("nl-1", "marzban"), ("de-1", "marzban2"), ("fi-1", "xui"), ("lv-1", "xui2"))
        }

    def command(self) -> list[str]:
        ports = [("--marzban-port", "marzban2"), ("--xui-port", "xui"), ("--xui-port", "xui2")]
        return [*super().command(), *(word for flag, name in ports for word in (flag, str(self.ports[name])))]

    def rows(self) -> list[dict[str, Any]]:
        """Return what the shop registers of each panel."""
        marzban = {"kind": "marzban", "username": "shop", "password": PANEL_PASSWORD}
        xui = {"kind": "xui", "inbounds": {"vless": ["inbound-443"]}, "public_host": "vpn.example.com"}
        rows: dict[str, dict[str, Any]] = {
            "nl-1": marzban,
            "de-1": marzban,
            "fi-1": xui | {"token": TOKEN_OF_XUI},
            "lv-1": xui | {"username": "owner", "password": "xui-sandbox-password"},
        }
        base = {"marzban": "", "xui": "/xui-sandbox"}
        return [
            fields | {"name": name, "base_url": self.panels[name] + base[fields["kind"]]}
            for name, fields in rows.items()
        ]


class Shop:
    """The worker, and what staff would do to its rows."""

    def __init__(self, url: str, settings: dict[str, str]) -> None:
        self._url = url
        self._environment = {**settings, "PATH": os.environ["PATH"]}

    def do(self, script: str) -> None:
        command = [sys.executable, "manage.py", "shell", "-c", script]
        subprocess.run(command, env=self._environment, check=True, stdout=subprocess.DEVNULL)

    def ask(self, sql: str) -> list[tuple[float, ...]]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()  # type: ignore[call-overload, no-any-return]

    def count(self, what: str) -> int:
        return int(self.ask(f"SELECT count(*) FROM {what}")[0][0])

    def wait_until_applied(self) -> None:
        wait_until(lambda: not self.count("vpnpanel_access WHERE is_dirty"), 180, "every change", pause=0.1)


@contextmanager
def worker(world: Panels, url: str, folder: Path) -> Iterator[Shop]:
    settings = world.settings(url, folder, type("Telegram", (), {"address": world.telegram})())
    prepared(settings)
    with ExitStack() as stack:
        stack.enter_context(process(world.command(), settings, folder / "sandbox.log"))
        wait_until(lambda: answers(f"{world.telegram}/bot{TOKEN}/getMe"), 30, "the sandbox")
        for panel in world.panels.values():
            world.emu(panel, "fail", call="*", kind="delay", seconds=PANEL_SECONDS)
        shop = Shop(url, settings)
        shop.do(OPEN_PANELS.format(panels=world.rows()))
        command = shop_commands(Path.cwd(), world.ports)["worker"]
        stack.enter_context(process(command, settings, folder / "worker.log"))
        yield shop


def outage(world: Panels, shop: Shop, case: Case, count: int) -> tuple[list[float], int]:
    """Return how many seconds after the panel's return each change made during its outage was applied.

    And how many calls the panel got meanwhile.
    """
    away = world.panels[case.panels[0]]
    shop.do(SELL.format(names=case.panels))
    shop.do(MAKE.format(count=count, first_customer=case.first_customer, panel_count=len(case.panels)))
    shop.wait_until_applied()
    world.emu(away, "outage", down=True)
    wait_until(lambda: bool(shop.count("vpnpanel_panel WHERE NOT is_up")), 60, "the probe")
    shop.do(CHANGE.format(first_customer=case.first_customer))
    lagging = shop.count("vpnpanel_access WHERE is_dirty")
    assert lagging == count, f"{lagging} of {count} wait"
    time.sleep(20)  # long enough for a back-off to have grown
    requests.delete(f"{away}/_emu/calls", timeout=30).raise_for_status()
    back_at = time.time()
    world.emu(away, "outage", down=False)
    shop.wait_until_applied()
    calls = len(world.emu(away, "calls?limit=5000"))
    theirs = f"SELECT id FROM accounts_user WHERE telegram_id >= {case.first_customer}"
    rows = shop.ask(f"SELECT extract(epoch FROM applied_at) FROM vpnpanel_access WHERE user_id IN ({theirs})")
    return [float(row[0]) - back_at for row in rows], calls


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few accesses: no figures are kept")
    options = parser.parse_args()
    count = 10 if options.quick else LAGGING
    lines = ["| changes waiting | first, s | p50, s | last, s | calls |", "|" + " --- |" * 5]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        url, world = stack.enter_context(database()), Panels()
        shop = stack.enter_context(worker(world, url, folder))
        for case in CASES:
            took, calls = outage(world, shop, case, count)
            figures = (min(took), percentile(took, 0.5), max(took))
            lines.append(
                f"| {count} {case.label} | "
                + " | ".join(f"{figure:.1f}" for figure in figures)
                + f" | {calls} |"
            )
            assert max(took) < TARGET_SECONDS, f"{case.label}: {max(took):.1f} s"
    if options.quick:
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        write_figures("backlog", lines)


if __name__ == "__main__":
    main()
