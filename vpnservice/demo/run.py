"""The life of one demo: start, wait until all answers, tell where, mind, stop."""

import os
import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from vpnservice.demo.environment import address
from vpnservice.demo.processes import Supervisor
from vpnservice.demo.readiness import wait_for_all
from vpnservice.demo.roles import SHOP, checks, sandbox_command, shop_commands
from vpnservice.demo.state import DemoError, DemoState

START_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.2
# Together under ten seconds: nobody waits longer after Ctrl-C.
SHOP_STOP_SECONDS = 6.0
SANDBOX_STOP_SECONDS = 2.0
DEATHS_BEFORE_OPEN = 3


def last_lines(text: str, lines: int = 8) -> str:
    return "\n".join(text.splitlines()[-lines:])


class Told(Exception):
    """Asked to stop before the shop was open."""


class Demo:
    def __init__(
        self,
        root: Path,
        state: DemoState,
        ports: dict[str, int],
        told_to_stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._root, self._state, self._ports = root, state, ports
        self._told_to_stop, self._say = told_to_stop, say
        self._supervisor = Supervisor(say)

    def run(self) -> int:
        """Open the shop, mind it until told to stop, and leave nothing running. Raises DemoError."""
        began = time.monotonic()
        try:
            password = self._start()
            self._state.publish(self._addresses())
            self._tell_where(password, time.monotonic() - began)
            while not self._told_to_stop.wait(LOOK_EVERY_SECONDS):
                self._supervisor.mind()
        except Told:
            pass
        finally:
            self._state.withdraw()
            self._say("Stopping...")
            self._supervisor.stop(SHOP, SHOP_STOP_SECONDS)
            self._supervisor.stop(["sandbox"], SANDBOX_STOP_SECONDS)
        self._say("Stopped. `make demo` goes on from here.")
        return 0

    def _start(self) -> str | None:
        """Start everything and wait for it; return the staff password if one was made."""
        token = os.environ["TELEGRAM_BOT_TOKEN"]
        # The sandbox needs no tables: it starts while the database is being brought up to date.
        sandbox = sandbox_command(self._root, self._state, self._ports, token)
        self._supervisor.start("sandbox", sandbox, self._state.logs / "sandbox.log")
        password = self._prepare_database()
        for name, command in shop_commands(self._root, self._ports).items():
            self._supervisor.start(name, command, self._state.logs / f"{name}.log")
        wanted = checks(self._ports, token, self._supervisor.children["worker"])
        silent = wait_for_all(wanted, seconds=START_SECONDS, meanwhile=self._mind_start)
        if silent:
            raise DemoError(
                f"Not answering after {START_SECONDS:.0f} s: {', '.join(silent)}. {self._last_words(silent)}"
            )
        self._introduce_bot()
        self._open_till()
        return password

    def _introduce_bot(self) -> None:
        """Give the bot its name and menu. A demo without them still works, so a failure is only said."""
        from django.core.management import CommandError, call_command

        try:
            call_command("telegram", "profile", stdout=StringIO())
        except CommandError as failed:
            self._say(f"The bot stays without a name and menu: {failed}")

    def _open_till(self) -> None:
        """Let customers pay. A demo without payments still works, so a failure is only said."""
        from django.db import connections

        from vpnservice.demo.database import open_till

        try:
            if why := open_till():
                self._say(f"Customers can't pay: {why}")
        finally:
            connections.close_all()

    def _prepare_database(self) -> str | None:
        import django
        from django.db import connections

        django.setup()
        from vpnservice.demo.database import prepare_database

        self._say("Preparing the database...")
        try:
            marzban, xui = (address(self._ports[name]) for name in ("marzban", "xui"))
            return prepare_database(panel_url=marzban, xui_url=xui)
        finally:
            connections.close_all()

    def _mind_start(self) -> None:
        if self._told_to_stop.is_set():
            raise Told
        self._supervisor.mind()
        failing = [
            child.name for child in self._supervisor.children.values() if child.deaths >= DEATHS_BEFORE_OPEN
        ]
        if failing:
            raise DemoError(f"{failing[0]} does not start. {self._last_words(failing)}")

    def _last_words(self, names: list[str]) -> str:
        """Return the end of the logs that may say why."""
        children = [self._supervisor.children[name] for name in names if name in self._supervisor.children]
        return "\n".join(f"{child.log} ends with:\n{last_lines(child.output())}" for child in children)

    def _addresses(self) -> dict[str, str]:
        return {
            "web": address(self._ports["web"]),
            "admin": f"{address(self._ports['web'])}/admin/",
            "sandbox": address(self._ports["sandbox"]),
            "telegram_api": address(self._ports["telegram_api"]),
            "marzban": address(self._ports["marzban"]),
            "xui": address(self._ports["xui"]),
            "yookassa": address(self._ports["yookassa"]),
        }

    def _tell_where(self, password: str | None, seconds: float) -> None:
        known = "the password you were shown; `make demo-password` makes a new one"
        addresses = self._addresses()
        rows = [
            ("Chat", addresses["sandbox"], "be a customer: pick one, press Start, pay with pretend money"),
            ("Admin", addresses["admin"], f"user admin, {f'password {password}' if password else known}"),
            ("Panel", addresses["marzban"], "what the pretend Marzban serves"),
            ("Panel", addresses["xui"], "what the pretend 3x-ui serves"),
            ("Logs", str(self._state.logs), ""),
        ]
        width = max(len(where) for _, where, _ in rows)
        self._say(f"\n  The shop is open ({seconds:.1f} s).\n")
        for name, where, about in rows:
            self._say(f"  {name:<6} {where:<{width}}  {about}".rstrip())
        self._say("\n  Ctrl-C stops it. `make demo` goes on with its data, `make demo-reset` starts over.\n")
