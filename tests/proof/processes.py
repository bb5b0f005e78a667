"""The whole shop as real processes with a database of their own, for proofs that kill them."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.world import AnyPanelWorld, PanelWorld, PaymentWorld, TelegramWorld, XuiWorld
from vpnservice.demo.environment import address, settings_for
from vpnservice.demo.ports import choose_ports, is_free
from vpnservice.demo.processes import Child, die_with_parent
from vpnservice.demo.readiness import wait_for_all
from vpnservice.demo.roles import checks, sandbox_command, shop_commands
from vpnservice.demo.state import DemoState

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("worker", "web", "bot", "stand-by")
SECOND_WORKER = "second worker"
START_SECONDS = 60
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
FIRST_PORT = 20_000 + 500 * WORKER


class Books:
    """The auditor's process: ask it by one of the words that tests.proof.books knows."""

    def __init__(self, environment: list[str], panel_urls: list[str]) -> None:
        self._process = subprocess.Popen(
            [*environment, sys.executable, "-m", "tests.proof.books", *panel_urls],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        assert self._read() == "ready", "the database could not be prepared"

    def ask(self, word: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def close(self) -> None:
        self._process.communicate(timeout=20)

    def _read(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


class Shop:
    """Sandbox, web, worker with beat, an active bot and one that stands by. `bug` plants a known one.

    `panels` are those that are sold, by name: a Marzban panel, with `has_xui` a 3x-ui of each dialect too.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        redis_url: str,
        bug: str = "",
        roles: tuple[str, ...] = ROLES,
        has_xui: bool = False,
    ) -> None:
        self.roles = roles
        self._state = DemoState(folder)
        self._state.prepare()
        self.ports = choose_ports(FIRST_PORT, lambda line: None)
        beyond = max(self.ports.values()) + 1
        self.ports["xui2"] = next(port for port in range(beyond, beyond + 200) if is_free(port))
        values = settings_for(self._state, self.ports)
        self.token = values["TELEGRAM_BOT_TOKEN"]
        if database_url:
            values |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        values |= {"ENV_FILE": os.devnull, "DJANGO_SETTINGS_MODULE": "vpnservice.settings"}
        values |= {"PATH": os.environ["PATH"], "HOME": str(folder)}
        # Nothing else: the test run's own settings are not the shop's.
        self._environment = ["env", "-i", *(f"{name}={value}" for name, value in values.items())]
        self.telegram = TelegramWorld(address(self.ports["telegram_api"]))
        self.panel = PanelWorld(address(self.ports["marzban"]))
        self.panels: dict[str, AnyPanelWorld] = {"Demo panel": self.panel}
        if has_xui:
            self.panels |= {
                name: XuiWorld(address(self.ports[port]))
                for name, port in (("Demo 3x-ui", "xui"), ("Old 3x-ui", "xui2"))
            }
        self.payments = PaymentWorld(address(self.ports["yookassa"]))
        self.web = address(self.ports["web"])
        self.children: dict[str, Child] = {}
        self.fell: list[str] = []
        self._is_away: set[str] = set()
        self._commands = self._with_bug(bug)

    def _with_bug(self, bug: str) -> dict[str, list[str]]:
        commands = shop_commands(ROOT, self.ports)
        commands["stand-by"] = commands["bot"]
        if bug:
            planted = [sys.executable, "-m", "tests.proof.planted", bug]
            commands["bot"] = commands["stand-by"] = [*planted, "bot"]
            commands["worker"] = [*planted, *commands["worker"][2:]]
        commands[SECOND_WORKER] = commands["worker"]
        return commands

    def open(self) -> None:
        """Start everything and return once all of it answers."""
        sandbox = sandbox_command(ROOT, self._state, self.ports, self.token)
        if len(self.panels) > 1:
            sandbox += ["--xui-port", str(self.ports["xui2"])]
        self._start("sandbox", sandbox)
        self.books = Books(self._environment, [panel.origin for panel in self.panels.values()])
        for name in self.roles:
            self._start(name, self._commands[name])
        wanted = checks(self.ports, self.token, self.children["worker"])
        silent = wait_for_all(wanted, seconds=START_SECONDS, meanwhile=lambda: None)
        assert not silent, f"not answering: {silent}\n{self.last_words()}"

    def kill(self, role: str) -> None:
        """End a role at once with all its processes, as the kernel does when memory runs out."""
        self._is_away.add(role)
        self.children[role].kill_group()

    def restart(self, role: str) -> None:
        self.children[role].start()
        self._is_away.discard(role)

    def mind(self) -> None:
        """Start again what ended by itself, as a supervisor does, and remember that it did."""
        for name in self.roles:
            child = self.children[name]
            if name not in self._is_away and not child.is_alive():
                self.fell.append(f"{name} ended by itself: {child.output()[-800:]}")
                child.kill_group()
                child.start()

    def close(self) -> None:
        for child in self.children.values():
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + 8
        while any(child.is_alive() for child in self.children.values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in self.children.values():
            child.kill_group()
        if hasattr(self, "books"):
            self.books.close()

    def last_words(self) -> str:
        return "\n".join(f"{child.name}: {child.output()[-600:]}" for child in self.children.values())

    def _start(self, name: str, command: list[str]) -> None:
        log = self._state.logs / f"{name}.log"
        child = self.children[name] = Child(name, [*self._environment, *command], log)
        child.start()


def has_servers() -> bool:
    """Tell whether this run has PostgreSQL and Redis, or SQLite and the file broker."""
    server, broker = os.environ.get("TEST_DATABASE_URL", ""), os.environ.get("TEST_REDIS_URL", "")
    return server.startswith("postgres") and bool(broker)


@contextmanager
def own_database() -> Iterator[tuple[str, str]]:
    """Yield the addresses of an empty database and broker, and remove the database after use.

    Empty addresses where the run has no servers: SQLite and the file broker.
    """
    server, broker = os.environ.get("TEST_DATABASE_URL", ""), os.environ.get("TEST_REDIS_URL", "")
    if not has_servers():
        yield "", ""
        return
    name = f"proof_{secrets.token_hex(6)}"
    redis_url = f"{broker.rpartition('/')[0]}/{15 - WORKER}"  # the other tests count from the other end
    with psycopg.connect(server, autocommit=True) as connection, redis.from_url(redis_url) as emptied:
        emptied.flushdb()
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server.rpartition('/')[0]}/{name}", redis_url
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
