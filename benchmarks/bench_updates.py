"""Updates a second, and the time from update to answer, beside an aiogram bot on the same work.

Usage: python scripts/services.py --durable python -m benchmarks.bench_updates [--quick] [--only shop|rival]
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stage import (
    ROOT,
    TOKEN,
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

PACKAGES = ROOT / "benchmarks" / ".packages"
SERVER = os.environ.get("TEST_DATABASE_URL", "")
PER_SECOND = 20
Process = subprocess.Popen[bytes]
customers = itertools.count(700_000_001)


@dataclass(frozen=True)
class Size:
    rounds: int
    waiting: int  # updates that wait when the bot starts, for the speed at saturation
    seconds: int  # how long 20 customers a second come, for the times


WHOLE, QUICK = Size(3, 1500, 15), Size(1, 1000, 8)


@dataclass(frozen=True)
class Round:
    per_second: float
    times: list[float]
    bot_ms: float  # processor time for one update at saturation, in the bot and in the database
    database_ms: float

    def at(self, share: float) -> float:
        return percentile(self.times, share) * 1000


def measure(telegram: Telegram, start: Callable[[], AbstractContextManager[Process]], size: Size) -> Round:
    telegram.reset()
    for _ in range(size.waiting):
        telegram.say_start(next(customers))
    with start() as running:
        wait_until(lambda: telegram.count() >= 50, 60, "the first answers", pause=0.2)
        done, bot_cpu, server_cpu = telegram.count(), cpu_seconds(running.pid), server_cpu_seconds(SERVER)
        wait_until(lambda: telegram.count() >= size.waiting, 180, "all answers", pause=0.5)
        done = telegram.count() - done
        bot_cpu, server_cpu = cpu_seconds(running.pid) - bot_cpu, server_cpu_seconds(SERVER) - server_cpu
        came = sorted(telegram.answered().values())
        # Without the first and last tenth: neither the start nor the thinning end.
        first, last = len(came) // 10, len(came) * 9 // 10
        per_second = (last - first) / (came[last] - came[first])
        time.sleep(2)
        telegram.emu("DELETE", "calls")
        times = open_loop(telegram, size.seconds)
    return Round(per_second, times, 1000 * bot_cpu / done, 1000 * server_cpu / done)


def open_loop(telegram: Telegram, seconds: int) -> list[float]:
    """Let customers come at an even pace, whatever the bot does; return each one's wait in seconds."""
    said: dict[int, float] = {}
    began = time.monotonic()
    for number in range(seconds * PER_SECOND):
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        customer = next(customers)
        said[customer] = telegram.say_start(customer)
    wait_until(lambda: telegram.count() >= len(said), 30, "the last answers", pause=0.5)
    came = telegram.answered()
    return [came[customer] - at for customer, at in said.items()]


@contextmanager
def shop(telegram: Telegram, folder: Path) -> Iterator[Process]:
    with database() as url:
        settings = shop_settings(telegram, url, folder)
        prepared(settings)
        with process([sys.executable, "manage.py", "bot"], settings, folder / "shop.log") as running:
            yield running


@contextmanager
def rival(telegram: Telegram, folder: Path) -> Iterator[Process]:
    with database() as url:
        settings = {
            "PYTHONPATH": str(PACKAGES),
            "RIVAL_DATABASE_URL": url.replace("postgresql://", "postgresql+asyncpg://"),
            "TELEGRAM_API_BASE_URL": telegram.address,
            "TELEGRAM_BOT_TOKEN": TOKEN,
        }
        command = [sys.executable, "benchmarks/rival/bot.py"]
        with process(command, settings, folder / "rival.log") as running:
            yield running


def install_rival() -> None:
    if not PACKAGES.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PACKAGES)]
        subprocess.run([*command, "-r", str(ROOT / "benchmarks" / "requirements.txt")], check=True)


def row(name: str, rounds: list[Round]) -> str:
    figures = [median([each.per_second for each in rounds])]
    figures += [median([each.at(share) for each in rounds]) for share in (0.5, 0.95, 0.99)]
    single = ", ".join(f"{each.per_second:.0f}" for each in rounds)
    cpu = [median([each.bot_ms for each in rounds]), median([each.database_ms for each in rounds])]
    cells = [f"{figure:.0f}" for figure in figures[1:]] + [f"{figure:.1f}" for figure in cpu]
    return f"| {name} | {figures[0]:.0f} ({single}) | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round: no figures are kept")
    parser.add_argument("--only", choices=["shop", "rival"])
    options = parser.parse_args()
    size = QUICK if options.quick else WHOLE
    install_rival()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        telegram = Telegram()
        settings = shop_settings(telegram, f"sqlite:///{folder}/none", folder)
        stack.enter_context(process(telegram.command(), settings, folder / "sandbox.log"))
        wait_until(lambda: answers(f"{telegram.address}/bot{TOKEN}/getMe"), 30, "the sandbox")
        starts = {"shop": shop, "rival": rival}
        if options.only:
            starts = {options.only: starts[options.only]}
        found: dict[str, list[Round]] = {name: [] for name in starts}
        for _ in range(size.rounds):
            for name, start in starts.items():
                found[name].append(measure(telegram, lambda start=start: start(telegram, folder), size))
    titles = (
        "bot",
        "updates/s (rounds)",
        "p50, ms",
        "p95, ms",
        "p99, ms",
        "CPU in bot, ms",
        "in database, ms",
    )
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    lines += [row(name, rounds) for name, rounds in found.items()]
    if options.quick or options.only:
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        write_figures("updates", lines)


if __name__ == "__main__":
    main()
