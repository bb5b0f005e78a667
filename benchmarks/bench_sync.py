"""What a full sync costs us: time by the clock, of processor and database, and memory, by number of accounts.

Usage: python scripts/services.py --durable python -m benchmarks.bench_sync [--quick]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.stage import (
    ROOT,
    Telegram,
    answers,
    database,
    prepared,
    process,
    server_cpu_seconds,
    shop_settings,
    wait_until,
    write_figures,
)

SERVER = os.environ.get("TEST_DATABASE_URL", "")
SIZES, QUICK = (1_000, 10_000, 100_000), (1_000,)
OVER_HTTP = 2_000
UNTIL = int(datetime(2031, 1, 1, tzinfo=UTC).timestamp())
LINK = (
    "vless://11111111-2222-4333-8444-{number:012}@nl1.example.com:443"
    "?security=reality&type=tcp&flow=xtls-rprx-vision&sni=www.example.org&pbk=key&sid=ab#NL"
)


def name_of(number: int) -> str:
    return f"abcdef_{number:016}"


def keys_of(number: int) -> Any:
    from vpnpanel.drivers.base import Credentials

    return Credentials(f"11111111-2222-4333-8444-{number:012}", f"password-{number:015}", f"{number:024}")


def answer_of(number: int, used: int) -> dict[str, Any]:
    """Return an account as Marzban shows it."""
    return {
        "username": name_of(number), "status": "active", "expire": UNTIL, "data_limit": 2**40,
        "used_traffic": used, "online_at": "2026-01-02T03:04:05", "note": "abcdef access 1",
        "inbounds": {"vless": ["VLESS TCP REALITY"]},
        "proxies": {"vless": {"id": keys_of(number).uuid, "flow": "xtls-rprx-vision"}},
        "links": [LINK.format(number=number), LINK.format(number=number).replace("nl1", "nl2")],
    }  # fmt: skip


def fill(total: int, *, over_http: bool) -> Any:
    """Make a panel and `total` accounts of ours in the database; return the panel.

    Those a stand-in shows `over_http` have keys of its own, as accounts that were taken over.
    """
    from django.db import connection

    from accounts.models import User
    from core import clock
    from vpnpanel.models import Access, Panel, PanelAccount

    panel = Panel.objects.create(name="nl-1", base_url="http://127.0.0.1:9", username="shop", password="x")
    customer = User.objects.create(username="customer")
    until = datetime.fromtimestamp(UNTIL, UTC)
    for start in range(0, total, 5_000):
        numbers = range(start, min(start + 5_000, total))
        accesses = Access.objects.bulk_create(
            Access(user=customer, until=until, traffic_limit=2**40, is_dirty=False, applied_generation=1)
            for _ in numbers
        )
        PanelAccount.objects.bulk_create(
            PanelAccount(
                access=access,
                panel=panel,
                name=name_of(n),
                placement="serving",
                applied_generation=1,
                credentials="" if over_http else keys_of(n).written,
            )
            for n, access in zip(numbers, accesses, strict=True)
        )
    Access.objects.update(changed_at=clock.now() - timedelta(minutes=5))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as a database that has run for a while knows its tables
    return panel


class Pages:
    """A panel that answers at once: pages as the driver reads them out of the panel's JSON."""

    page_size = 100

    def __init__(self, total: int, used: int) -> None:
        self.total, self.used = total, used

    def pages(self, start: int = 0) -> Iterator[Any]:
        from vpnpanel.drivers.base import Page
        from vpnpanel.drivers.marzban import _observed

        for offset in range(start, self.total, self.page_size):
            numbers = range(offset, min(offset + self.page_size, self.total))
            shown = tuple(_observed(answer_of(number, self.used), own_host="") for number in numbers)
            yield Page(shown, self.total, numbers.stop >= self.total)

    def close(self) -> None:
        """There is nothing to close."""


def sync_once(panel: Any) -> dict[str, float]:
    """Run one full sync to its end; return its time by the clock, our processor's and the database's."""
    from core import jobs
    from core.models import Job
    from vpnpanel.services import sync

    job = jobs.start(sync.KIND, subject=str(panel.pk), asked_by="benchmark")
    began, cpu, server = time.perf_counter(), time.process_time(), server_cpu_seconds(SERVER)
    while job.state in Job.OPEN:
        jobs.run_due()
        job.refresh_from_db()
        assert not job.error, job.error
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "database": server_cpu_seconds(SERVER) - server,
        "calls": job.result["calls"],
        "accounts": job.result["accounts"],
        "drifted": job.result["drifted"],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(total: int, panel_url: str) -> dict[str, dict[str, float]]:
    """Inside a process of its own: fill the database and sync; the first run takes in what is there."""
    import django

    django.setup()
    from vpnpanel.models import Panel
    from vpnpanel.services import sync

    panel = fill(total, over_http=bool(panel_url))
    if panel_url:
        Panel.objects.update(base_url=panel_url, password="shop-sandbox-password")
        sync_once(panel)
        return {"unchanged": sync_once(panel)}
    feed = Pages(total, 0)
    sync.driver_for = lambda panel: feed  # type: ignore[assignment]
    sync_once(panel)
    unchanged = sync_once(panel)
    feed.used = 10**6
    return {"unchanged": unchanged, "traffic on all": sync_once(panel)}


def run(total: int, telegram: Telegram, folder: Path, panel_url: str = "") -> dict[str, dict[str, float]]:
    with database() as url:
        settings = shop_settings(telegram, url, folder)
        prepared(settings)
        command = [
            sys.executable,
            "-m",
            "benchmarks.bench_sync",
            "--inside",
            str(total),
            "--panel",
            panel_url,
        ]
        environment = {**settings, "PATH": os.environ["PATH"], "TEST_DATABASE_URL": SERVER}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def over_http(telegram: Telegram, folder: Path, stack: ExitStack) -> dict[str, dict[str, float]]:
    """The same against the stand-in, which answers over HTTP on the same machine."""
    settings = shop_settings(telegram, f"sqlite:///{folder}/none", folder)
    stack.enter_context(process(telegram.command(), settings, folder / "sandbox.log"))
    panel = f"http://127.0.0.1:{telegram._ports['marzban']}"
    wait_until(lambda: answers(f"{panel}/_emu/users?limit=1"), 30, "the sandbox")
    wish = {"owner": "shop", "expire": UNTIL, "data_limit": 2**40}
    for start in range(0, OVER_HTTP, 500):
        rows = [{"username": name_of(n), **wish} for n in range(start, start + 500)]
        telegram._http.post(f"{panel}/_emu/users", json=rows, timeout=60).raise_for_status()
    return run(OVER_HTTP, telegram, folder, panel)


def row(title: str, found: dict[str, float]) -> str:
    own = found["cpu"] + found["database"]
    return (
        f"| {title} | {found['accounts']:,.0f} | {found['calls']:.0f} | {found['seconds']:.1f} | "
        f"{found['cpu']:.1f} | {found['database']:.1f} | {own:.1f} | {found['memory']:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="1,000 accounts only: no figures are kept")
    parser.add_argument("--inside", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--panel", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options.inside, options.panel)))
        return
    lines = [
        "| sync | accounts | calls | seconds | our processor, s | database, s | both, s | memory, MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        telegram = Telegram()
        for total in QUICK if options.quick else SIZES:
            lines += [row(title, found) for title, found in run(total, telegram, folder).items()]
        lines += [
            row(f"{title}, over HTTP", found) for title, found in over_http(telegram, folder, stack).items()
        ]
    if options.quick:
        print("\n".join(lines))
    else:
        write_figures("sync", lines)


if __name__ == "__main__":
    main()
