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

import psycopg

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

OPEN_PANELS = """
from vpnpanel.services import register_panel
for name, url in {panels!r}:
    register_panel(name=name, base_url=url, username='shop', password={password!r})
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
        customer, _ = arrive(telegram_id=900_000_000 + {panel_count} * 100_000 + number, first_name='Anna',
            last_name='', telegram_username='', language_code='en', start_payload='')
        open_access(customer, until=clock.now() + timedelta(days=7), traffic_limit=0, devices=0,
            groups=PanelGroup.objects.all(), panel_count={panel_count}, announce=False)
"""
CHANGE = """
from datetime import timedelta
from django.db import transaction
from vpnpanel.models import Access
from vpnpanel.services import change_access
for access in Access.objects.filter(panel_count={panel_count}):
    with transaction.atomic():
        change_access(access.pk, until=access.until + timedelta(days=30))
"""


@dataclass(frozen=True)
class Case:
    """`panel_count` tells the accesses of a case apart; the first panel is the one that goes."""

    label: str
    panel_count: int


CASES = (
    Case("on the panel that was away", 1),
    Case("on two panels each, one of them away", 0),
)


class Panels(World):
    """Two panels that take 30 ms for each call."""

    def __init__(self) -> None:
        super().__init__()
        self.ports["marzban2"] = choose_ports(FIRST_PORT + 700, lambda line: None)["marzban"]
        self.second = f"http://127.0.0.1:{self.ports['marzban2']}"

    def command(self) -> list[str]:
        return [*super().command(), "--marzban-port", str(self.ports["marzban2"])]


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
        for panel in (world.panel, world.second):
            world.emu(panel, "fail", call="*", kind="delay", seconds=PANEL_SECONDS)
        shop = Shop(url, settings)
        panels = [("nl-1", world.panel), ("de-1", world.second)]
        shop.do(OPEN_PANELS.format(panels=panels, password=PANEL_PASSWORD))
        command = shop_commands(Path.cwd(), world.ports)["worker"]
        stack.enter_context(process(command, settings, folder / "worker.log"))
        yield shop


def outage(world: Panels, shop: Shop, case: Case, count: int) -> list[float]:
    """Return how many seconds after the panel's return each change made during its outage was applied."""
    if case.panel_count == 1:  # all of them on the first panel
        shop.do("from vpnpanel.models import Panel\nPanel.objects.filter(name='de-1').update(state='closed')")
    shop.do(MAKE.format(count=count, panel_count=case.panel_count))
    shop.wait_until_applied()
    shop.do("from vpnpanel.models import Panel\nPanel.objects.update(state='open')")
    world.emu(world.panel, "outage", down=True)
    wait_until(lambda: bool(shop.count("vpnpanel_panel WHERE NOT is_up")), 60, "the probe")
    shop.do(CHANGE.format(panel_count=case.panel_count))
    lagging = shop.count("vpnpanel_access WHERE is_dirty")
    assert lagging == count, f"{lagging} of {count} wait"
    time.sleep(20)  # long enough for a back-off to have grown
    back_at = time.time()
    world.emu(world.panel, "outage", down=False)
    shop.wait_until_applied()
    rows = shop.ask(
        f"SELECT extract(epoch FROM applied_at) FROM vpnpanel_access WHERE panel_count = {case.panel_count}"
    )
    return [float(row[0]) - back_at for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few accesses: no figures are kept")
    options = parser.parse_args()
    count = 10 if options.quick else LAGGING
    lines = ["| changes waiting | first, s | p50, s | last, s |", "|" + " --- |" * 4]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        url, world = stack.enter_context(database()), Panels()
        shop = stack.enter_context(worker(world, url, folder))
        for case in CASES:
            took = outage(world, shop, case, count)
            figures = (min(took), percentile(took, 0.5), max(took))
            lines.append(
                f"| {count} {case.label} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |"
            )
            assert max(took) < TARGET_SECONDS, f"{case.label}: {max(took):.1f} s"
    if options.quick:
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        write_figures("backlog", lines)


if __name__ == "__main__":
    main()
