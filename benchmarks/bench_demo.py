"""From `make demo` to the first answer in the chat, and what each role then needs in memory.

Usage: python -m benchmarks.bench_demo [--quick]
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from benchmarks.stage import median, process, wait_until, write_figures

CUSTOMER = 600_001
IDLE_SECONDS = 30
# What a process is, by a part of its command line.
ROLES = {
    "web": "granian",
    "bot": "manage.py bot",
    "worker and beat": "celery",
    "sandbox": "manage.py sandbox",
}


def first_answer(addresses: Path, began: float) -> float:
    """Say /start as soon as the demo tells its addresses; return the seconds from its start to the answer."""
    wait_until(addresses.exists, 90, "the demo")
    telegram = json.loads(addresses.read_text())["telegram_api"]
    start = {"user_id": CUSTOMER, "first_name": "Anna", "text": "/start"}
    requests.post(f"{telegram}/_emu/say", json=start, timeout=10).raise_for_status()
    chat = f"{telegram}/_emu/chats/{CUSTOMER}"
    wait_until(lambda: len(requests.get(chat, timeout=5).json()) > 1, 30, "the answer", pause=0.02)
    return time.monotonic() - began


def of_this_demo(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield process id and command line of everything that runs in the demo's name."""
    mark = f"DEMO_FOLDER={folder}\0".encode()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (path / "environ").read_bytes() + b"\0":
                yield int(path.name), (path / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue


def megabytes(pid: int) -> float:
    """Return the memory of a process, what it shares counted in parts (PSS)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    line = next(line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1024


def memory(folder: Path) -> dict[str, float]:
    found = dict.fromkeys(ROLES, 0.0)
    for pid, command in of_this_demo(folder):
        role = next((role for role, part in ROLES.items() if part in command), None)
        if role is not None:
            found[role] += megabytes(pid)
    return found


def run_demo(folder: Path, idle_seconds: float) -> tuple[float, float, dict[str, float]]:
    """Open a fresh demo, then the same again; return both times to the first answer, and the memory."""
    settings = {"DEMO_FOLDER": str(folder), "DEMO_PORT": "24000"}
    command = [sys.executable, "manage.py", "demo"]
    times = []
    for _ in ("fresh", "again"):
        began = time.monotonic()
        with process(command, settings, folder.with_suffix(".log")):
            times.append(first_answer(folder / "addresses.json", began))
            if len(times) == 2:
                time.sleep(idle_seconds)
                used = memory(folder)
        (folder / "sandbox.json").unlink(missing_ok=True)  # the chat starts empty again
    return times[0], times[1], used


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round, no figures are kept")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="bench-demo-") as folder:
        runs = [
            run_demo(Path(folder, str(n)), 5 if quick else IDLE_SECONDS) for n in range(1 if quick else 3)
        ]
    rows = ["| start to first answer | seconds |", "| --- | --- |"]
    rows += [f"| first start (tables are made) | {median([run[0] for run in runs]):.1f} |"]
    rows += [f"| later start | {median([run[1] for run in runs]):.1f} |", ""]
    rows += [f"| memory, idle for {IDLE_SECONDS} s | PSS, MB |", "| --- | --- |"]
    used = {role: median([run[2][role] for run in runs]) for role in ROLES}
    rows += [f"| {role} | {size:.0f} |" for role, size in used.items()]
    shop = sum(size for role, size in used.items() if role != "sandbox")
    rows += [f"| **the shop (without the sandbox)** | **{shop:.0f}** |"]
    if quick:
        sys.stdout.write("\n".join(rows) + "\n")
    else:
        write_figures("demo", [*rows, "", f"Load of the machine meanwhile: {os.getloadavg()[1]:.1f}."])


if __name__ == "__main__":
    main()
