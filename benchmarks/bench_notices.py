"""Payment notices a second and the time each waits for its 200, beside a FastAPI view of the same work.

Usage: python scripts/services.py --durable python -m benchmarks.bench_notices [--quick] [--only shop|rival]
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.bench_updates import PACKAGES, install_rival
from benchmarks.stage import (
    ROOT,
    Telegram,
    database,
    median,
    percentile,
    prepared,
    process,
    shop_settings,
    wait_until,
    write_figures,
)
from vpnservice.demo.ports import is_free

PATH = "/webhooks/yookassa"
WORKERS = "2"
numbers = itertools.count(1)


@dataclass(frozen=True)
class Size:
    rounds: int
    notices: int
    at_once: int


WHOLE, QUICK = Size(3, 6000, 16), Size(1, 1500, 16)


@dataclass(frozen=True)
class Round:
    per_second: float
    times: list[float]

    def at(self, share: float) -> float:
        return percentile(self.times, share) * 1000


def notice() -> dict[str, object]:
    """A success as YooKassa would tell of it: each of another payment."""
    payment_id = f"2f7a1c9e-000f-5001-9000-{next(numbers):012}"
    amount = {"value": "299.00", "currency": "RUB"}
    card = {"first6": "555555", "last4": "4444", "expiry_year": "2030", "expiry_month": "12"}
    method = {"type": "bank_card", "id": payment_id, "saved": False, "title": "Bank card *4444", "card": card}
    thing = {
        "id": payment_id, "status": "succeeded", "paid": True, "amount": amount, "payment_method": method,
        "income_amount": {"value": "288.53", "currency": "RUB"}, "refundable": True, "test": True,
        "description": "VPN: 30 days, order 42", "recipient": {"account_id": "100500", "gateway_id": "1"},
        "created_at": "2026-11-22T10:00:00.000Z", "captured_at": "2026-11-22T10:01:12.345Z",
        "metadata": {"order_id": "42"},
    }  # fmt: skip
    return {"type": "notification", "event": "payment.succeeded", "object": thing}


async def send(url: str, size: Size) -> Round:
    """Keep `at_once` connections busy until every notice was answered 200."""
    waiting, times = iter([notice() for _ in range(size.notices)]), []

    async def sender(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            began = time.perf_counter()
            async with session.post(url, json=body) as answer:
                assert answer.status == 200, answer.status
            times.append(time.perf_counter() - began)

    connector = aiohttp.TCPConnector(limit=size.at_once)
    async with aiohttp.ClientSession(connector=connector) as session:
        began = time.perf_counter()
        await asyncio.gather(*(sender(session) for _ in range(size.at_once)))
        return Round(size.notices / (time.perf_counter() - began), times)


def port() -> int:
    return next(each for each in range(23_200, 23_400) if is_free(each))


@contextmanager
def shop(folder: Path) -> Iterator[str]:
    """The web role as it runs in production, with nobody to work the notices off meanwhile."""
    with database() as url:
        address = f"http://127.0.0.1:{port()}"
        settings = shop_settings(Telegram(), url, folder)
        settings |= {"ALLOWED_HOSTS": "127.0.0.1", "YOOKASSA_NOTICE_ADDRESSES": "127.0.0.0/8"}
        prepared(settings)
        command = [
            sys.executable, "-m", "granian", "vpnservice.wsgi:application", "--interface", "wsgi",
            "--port", address.rpartition(":")[2], "--workers", WORKERS, "--blocking-threads", "1",
        ]  # fmt: skip
        with process(command, settings, folder / "web.log"):
            yield address


@contextmanager
def rival(folder: Path) -> Iterator[str]:
    with database() as url:
        address = f"http://127.0.0.1:{port()}"
        settings = {
            "PYTHONPATH": f"{PACKAGES}:{ROOT / 'benchmarks' / 'rival'}",
            "RIVAL_DATABASE_URL": url.replace("postgresql://", "postgresql+asyncpg://"),
        }
        serve = [sys.executable, "-m", "uvicorn", "notices:app", "--no-access-log", "--port"]
        serve.append(address.rpartition(":")[2])
        log = folder / "rival.log"
        with process(serve, settings | {"RIVAL_MAKES_TABLES": "1"}, log):
            wait_until(lambda: answers_anything(address), 30, "the rival's tables")
        with process([*serve, "--workers", WORKERS], settings, log):
            yield address


def answers_anything(address: str) -> bool:
    """Tell whether a notice is taken; the first ones also warm up connections and caches."""
    try:
        asyncio.run(send(address + PATH, Size(1, 50, 4)))
    except (aiohttp.ClientError, AssertionError, OSError):
        return False
    return True


def row(name: str, rounds: list[Round]) -> str:
    single = ", ".join(f"{each.per_second:.0f}" for each in rounds)
    times = [median([each.at(share) for each in rounds]) for share in (0.5, 0.95, 0.99)]
    speed = median([each.per_second for each in rounds])
    return f"| {name} | {speed:.0f} ({single}) | " + " | ".join(f"{each:.0f}" for each in times) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round: no figures are kept")
    parser.add_argument("--only", choices=["shop", "rival"])
    options = parser.parse_args()
    size, starts = (QUICK if options.quick else WHOLE), {"shop": shop, "rival": rival}
    if options.only:
        starts = {options.only: starts[options.only]}
    if "rival" in starts:
        install_rival()
    found: dict[str, list[Round]] = {name: [] for name in starts}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for _ in range(size.rounds):
            for which, start in starts.items():
                with start(Path(name)) as address:
                    wait_until(lambda address=address: answers_anything(address), 30, which)
                    found[which].append(asyncio.run(send(address + PATH, size)))
    titles = ("view", "notices/s (rounds)", "p50, ms", "p95, ms", "p99, ms")
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    lines += [row(which, rounds) for which, rounds in found.items()]
    if options.quick or options.only:
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        write_figures("notices", lines)


if __name__ == "__main__":
    main()
