"""What benchmarks share: the sandbox as a process of its own, databases, bots, and how figures are shown."""

import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import requests

from vpnservice.demo.ports import choose_ports
from vpnservice.demo.processes import die_with_parent
from vpnservice.new_env import make_keys

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "benchmarks" / "figures"
FIRST_PORT = 23_000
TOKEN = f"1000000001:{secrets.token_hex(16)}"


class Telegram:
    """The sandbox's stand-in for Telegram, without its speed limits."""

    def __init__(self) -> None:
        ports = choose_ports(FIRST_PORT, lambda line: None)
        self.address = f"http://127.0.0.1:{ports['telegram_api']}"
        self._http = requests.Session()
        self._ports = ports

    def command(self) -> list[str]:
        ports = self._ports
        return [
            sys.executable, "manage.py", "sandbox", "--page-port", str(ports["sandbox"]),
            "--telegram-port", str(ports["telegram_api"]), "--marzban-port", str(ports["marzban"]),
            "--bot-token", TOKEN,
        ]  # fmt: skip

    def emu(self, method: str, call: str, **json: Any) -> Any:
        answer = self._http.request(method, f"{self.address}/_emu/{call}", json=json or None, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def reset(self) -> None:
        self.emu("POST", "reset")
        self.emu("POST", "rates", enabled=False)

    def say_start(self, customer: int) -> float:
        """Let a new customer press Start; return when, by the clock that the stand-in's log goes by."""
        at = time.time()
        self.emu("POST", "say", user_id=customer, first_name="Anna", language_code="en", text="/start")
        return at

    def answered(self) -> dict[int, float]:
        """Return when the first message came, by chat."""
        came: dict[int, float] = {}
        for call in self.emu("GET", "calls?call=sendMessage&limit=5000"):
            came.setdefault(int(call["parameters"]["chat_id"]), call["at"])
        return came

    def count(self) -> int:
        return len(self.answered())


@contextmanager
def process(
    command: Sequence[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with nothing but `environment`, from the project's folder; end it in order."""
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment
    with log.open("ab") as output:
        running = subprocess.Popen(
            command, cwd=ROOT, env=clean, stdout=output, stderr=output,
            start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)


@contextmanager
def database() -> Iterator[str]:
    """Yield the address of an empty database on the throw-away PostgreSQL, and remove it after use."""
    server, name = os.environ["TEST_DATABASE_URL"], f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def shop_settings(telegram: Telegram, database_url: str, folder: Path) -> dict[str, str]:
    return {
        **make_keys(),
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "vpnservice.settings",
        "DEPLOYMENT": "demo",
        "SANDBOX_ENABLED": "true",
        "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "BROKER_FOLDER": str(folder / "broker"),
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_BASE_URL": telegram.address,
        "TELEGRAM_MESSAGES_PER_SECOND": "1000",
        "TELEGRAM_CHAT_MESSAGES_PER_SECOND": "1000",
        "LOG_LEVEL": "WARNING",
    }


def prepared(settings: dict[str, str]) -> None:
    """Make the tables and the first rows of a shop."""
    for step in ("migrate", "setup"):
        command = [sys.executable, "manage.py", step]
        environment = {**settings, "PATH": os.environ["PATH"]}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


def wait_until(holds: Callable[[], bool], seconds: float, what: str, pause: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(pause)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far, children that ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(each) for each in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def server_cpu_seconds(database_url: str) -> float:
    """Return the processor time of the PostgreSQL server behind the address, with all its processes."""
    with psycopg.connect(database_url) as connection:
        backend = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert backend is not None
        server = parent_of(backend[0])
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return cpu_seconds(server) + sum(cpu_seconds(pid) for pid in pids if parent_of(pid) == server)


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def write_figures(name: str, lines: Sequence[str]) -> None:
    """Show the figures and keep them as benchmarks/figures/<name>.md."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    head = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, {os.cpu_count()} cores"
    text = "\n".join([f"# {name.capitalize()}: last figures", "", f"{head}.", "", *lines]) + "\n"
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / f"{name}.md").write_text(text)
    sys.stdout.write(text)
