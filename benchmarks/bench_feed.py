"""Fetches of the link a second and the time each waits, by what an app asks for.

Usage: python scripts/services.py --durable python -m benchmarks.bench_feed [--quick]
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.bench_notices import WORKERS, port
from benchmarks.stage import (
    ROOT,
    Telegram,
    answers,
    cpu_seconds,
    database,
    median,
    percentile,
    prepared,
    process,
    server_cpu_seconds,
    shop_settings,
    wait_until,
    write_figures,
)

# What is asked for: the end of the address, and headers. The last one has the document already.
ASKS = {
    "list": ("", {}),
    "Mihomo": ("", {"User-Agent": "clash-verge/v2.0.3"}),
    "sing-box": ("", {"User-Agent": "SFA/1.12.0"}),
    "Xray": ("/xray", {}),
    "nothing new (304)": ("", {"User-Agent": "SFA/1.12.0"}),
    "unknown link": ("x", {}),
}


@dataclass(frozen=True)
class Size:
    rounds: int
    customers: int
    fetches: int
    at_once: int


WHOLE, QUICK = Size(3, 1500, 3000, 16), Size(1, 300, 1500, 16)


@dataclass(frozen=True)
class Round:
    """One round; `web_cpu` and `database_cpu` are processor milliseconds for one fetch."""

    per_second: float
    times: list[float]
    web_cpu: float
    database_cpu: float

    def at(self, share: float) -> float:
        return percentile(self.times, share) * 1000


@contextmanager
def shop(folder: Path, size: Size) -> Iterator[tuple[str, str, int, list[str]]]:
    """The web role as it runs in production; yields its address, its database, its process, the tokens."""
    with database() as url:
        address = f"http://127.0.0.1:{port()}"
        settings = shop_settings(Telegram(), url, folder)
        settings |= {"ALLOWED_HOSTS": "127.0.0.1", "REDIS_URL": os.environ["TEST_REDIS_URL"]}
        prepared(settings)
        tokens = folder / "tokens"
        make = [sys.executable, "-m", "benchmarks.feed_rows", str(size.customers), str(tokens)]
        subprocess.run(make, cwd=ROOT, env={**settings, "PATH": os.environ["PATH"]}, check=True)
        command = [
            sys.executable, "-m", "granian", "vpnservice.wsgi:application", "--interface", "wsgi",
            "--port", address.rpartition(":")[2], "--workers", WORKERS, "--blocking-threads", "1",
        ]  # fmt: skip
        with process(command, settings, folder / "web.log") as running:
            wait_until(lambda: answers(f"{address}/readyz"), 60, "the web role")
            yield address, url, running.pid, tokens.read_text().split()


async def fetch_all(address: str, tokens: list[str], ask: str, size: Size) -> tuple[float, list[float]]:
    """Keep `at_once` connections busy, link after link; return the seconds, in all and of each fetch."""
    end, headers = ASKS[ask]
    known: dict[str, str] = {}
    wanted = 304 if "304" in ask else 404 if "unknown" in ask else 200
    times: list[float] = []

    async def fetcher(session: aiohttp.ClientSession, links: Iterator[str]) -> None:
        for token in links:
            mine = headers | ({"If-None-Match": known[token]} if known else {})
            began = time.perf_counter()
            async with session.get(f"{address}/s/{token}{end}", headers=mine) as answer:
                await answer.read()
                assert answer.status in (wanted, 429 if wanted == 404 else wanted), answer.status
            times.append(time.perf_counter() - began)

    connector = aiohttp.TCPConnector(limit=size.at_once)
    async with aiohttp.ClientSession(connector=connector) as session:
        if wanted == 304:
            for token in tokens[:200]:
                async with session.get(f"{address}/s/{token}{end}", headers=headers) as answer:
                    known[token] = answer.headers["ETag"]
        links = itertools.islice(itertools.cycle(list(known) or tokens), size.fetches)
        began = time.perf_counter()
        await asyncio.gather(*(fetcher(session, links) for _ in range(size.at_once)))
        return time.perf_counter() - began, times


def tree(pid: int) -> list[int]:
    """Return the process and its workers."""
    return [pid, *(int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def one_round(address: str, url: str, pid: int, tokens: list[str], ask: str, size: Size) -> Round:
    web, server = sum(map(cpu_seconds, tree(pid))), server_cpu_seconds(url)
    seconds, times = asyncio.run(fetch_all(address, tokens, ask, size))
    web, server = sum(map(cpu_seconds, tree(pid))) - web, server_cpu_seconds(url) - server
    each = 1000 / len(times)
    return Round(len(times) / seconds, times, web * each, server * each)


def row(ask: str, rounds: list[Round]) -> str:
    single = ", ".join(f"{each.per_second:.0f}" for each in rounds)
    figures = [f"{median([each.per_second for each in rounds]):.0f} ({single})"]
    figures += [f"{median([each.at(share) for each in rounds]):.0f}" for share in (0.5, 0.95, 0.99)]
    figures += [f"{median([each.web_cpu for each in rounds]):.2f}"]
    figures += [f"{median([each.database_cpu for each in rounds]):.2f}"]
    return f"| {ask} | {' | '.join(figures)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round: no figures are kept")
    size = QUICK if parser.parse_args().quick else WHOLE
    found: dict[str, list[Round]] = {ask: [] for ask in ASKS}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        shop(Path(name), size) as (web, url, pid, tokens),
    ):
        asyncio.run(fetch_all(web, tokens, "list", QUICK))  # warms up connections and prepared statements
        for _ in range(size.rounds):
            for ask in ASKS:
                found[ask].append(one_round(web, url, pid, tokens, ask, size))
    titles = ("ask", "fetches/s (rounds)", "p50, ms", "p95, ms", "p99, ms", "web CPU, ms", "database CPU, ms")
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    lines += [row(ask, rounds) for ask, rounds in found.items()]
    if size is QUICK:
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        write_figures("feed", lines)


if __name__ == "__main__":
    main()
