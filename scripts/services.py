"""Run a command beside a throw-away PostgreSQL and Redis, and stop them whatever happens.

Usage: python scripts/services.py [--durable] COMMAND...

The command finds them in TEST_DATABASE_URL and TEST_REDIS_URL. Where these two are already set, nothing is
started. Both servers listen on 127.0.0.1 with a random password, keep their data in a temporary folder, and
never run as root: PostgreSQL refuses to, and Redis should not.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

PACKAGES = {"postgres": "postgresql", "redis-server": "redis-server"}
START_SECONDS = 30
STOP_SECONDS = 15
STOPPING = (signal.SIGTERM, signal.SIGHUP)  # told to stop, or the terminal was closed


class ServiceMissing(Exception):
    """A server cannot be had here; the message says what to type."""


def find_program(name: str) -> str | None:
    """Debian keeps PostgreSQL's programs off PATH, one folder per major version; the newest wins."""
    found = shutil.which(name)
    if found:
        return found
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((str(folder / name) for folder in reversed(folders) if (folder / name).exists()), None)


def install_missing() -> None:
    """Install the servers' Debian packages where this user may; raise ServiceMissing where not."""
    missing = [package for program, package in PACKAGES.items() if find_program(program) is None]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    sudo = "sudo " if shutil.which("sudo") else ""
    ask = (
        f"{'Run' if sudo else 'As root run'}: {sudo}apt-get update && {sudo}{' '.join(command)}\n"
        "or set TEST_DATABASE_URL and TEST_REDIS_URL to servers that are running."
    )
    if shutil.which("apt-get") is None:
        raise ServiceMissing(f"{' and '.join(missing)} not found, and there is no apt-get. {ask}")
    prefix = root_prefix()
    if prefix is None:
        raise ServiceMissing(f"{' and '.join(missing)} not found, and installing needs root. {ask}")
    sys.stderr.write(f"-- installing {' and '.join(missing)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "-qq"], command):
        if subprocess.run([*prefix, *step], env=environment, stdout=subprocess.DEVNULL).returncode:
            raise ServiceMissing(f"`{' '.join(step)}` failed. {ask}")


def root_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Account:
    """The unprivileged user the servers run as: ourselves, or `postgres` when we are root."""

    def __init__(self) -> None:
        self.name = "postgres" if os.geteuid() == 0 else None

    def own(self, path: Path) -> None:
        if self.name:
            shutil.chown(path, self.name, self.name)

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                user=self.name,
                group=self.name,
                extra_groups=[] if self.name else None,
            )


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.05)
    raise ServiceMissing(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def postgresql(folder: Path, account: Account, *, durable: bool) -> Iterator[str]:
    """A fresh cluster; yields its database URL. Not durable means no fsync: faster, and enough for tests."""
    password, port, data, log = secrets.token_hex(16), free_port(), folder / "pg", folder / "postgres.log"
    secret = folder / "pg-password"
    secret.write_text(password)
    account.own(secret)
    initdb, server = find_program("initdb"), find_program("postgres")
    assert initdb and server
    made = account.start(
        [initdb, "-D", str(data), "-U", "shop", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8",
         "--locale=C.UTF-8", "--no-sync"],
        log,
    )  # fmt: skip
    if made.wait():
        raise ServiceMissing(f"initdb failed:\n{log.read_text(errors='replace')[-2000:]}")
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder}
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    process = account.start([server, "-D", str(data), *flags], log)
    try:
        wait_until(lambda: "ready to accept connections" in log.read_text(errors="replace"), process, log)
        yield f"postgresql://shop:{password}@127.0.0.1:{port}/postgres"
    finally:
        stop(process, signal.SIGINT)


@contextmanager
def redis(folder: Path, account: Account) -> Iterator[str]:
    """An empty Redis that writes nothing to disk; yields its URL."""
    password, port, log = secrets.token_hex(16), free_port(), folder / "redis.log"
    settings = folder / "redis.conf"
    settings.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ''\nappendonly no\ndir {folder}\n"
    )
    account.own(settings)
    server = find_program("redis-server")
    assert server
    process = account.start([server, str(settings)], log)
    try:
        wait_until(lambda: "Ready to accept connections" in log.read_text(errors="replace"), process, log)
        yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        stop(process, signal.SIGTERM)


def turn_stop_into_exit(number: int, _frame: FrameType | None) -> None:
    """A signal would end us before the servers are stopped; an exception unwinds through them."""
    for deaf in STOPPING:  # a second one must not break off the unwinding
        signal.signal(deaf, signal.SIG_IGN)
    raise SystemExit(128 + number)


def run(command: list[str], *, durable: bool) -> int:
    environment = dict(os.environ)
    if environment.get("TEST_DATABASE_URL") and environment.get("TEST_REDIS_URL"):
        return subprocess.run(command).returncode
    install_missing()
    account = Account()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vpnservice-services-")))
        account.own(folder)
        environment["TEST_DATABASE_URL"] = stack.enter_context(postgresql(folder, account, durable=durable))
        environment["TEST_REDIS_URL"] = stack.enter_context(redis(folder, account))
        return subprocess.run(command, env=environment).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--durable", action="store_true", help="keep PostgreSQL's fsync on, for benchmarks")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("no command to run")
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, turn_stop_into_exit)
    try:
        return run(options.command, durable=options.durable)
    except ServiceMissing as missing:
        sys.stderr.write(f"services: {missing}\n")
        return 3


if __name__ == "__main__":
    sys.exit(main())
