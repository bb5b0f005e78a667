"""Throw-away servers: they serve the command, never as root, and are gone after it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = [sys.executable, "scripts/services.py"]
# Asks both servers who they are, through the same packages the shop uses.
ASK = """
import os, psycopg, redis
with psycopg.connect(os.environ["TEST_DATABASE_URL"]) as connection:
    data = connection.execute("show data_directory").fetchone()[0]
print(data, os.stat(data).st_uid, redis.Redis.from_url(os.environ["TEST_REDIS_URL"]).ping())
"""


def clean_environment() -> dict[str, str]:
    """Return our environment without servers that an outer run has started."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TEST_")}


def test_servers_answer_and_are_gone_afterwards():
    done = subprocess.run(
        [*SERVICES, sys.executable, "-c", ASK],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data, owner, pong = done.stdout.split()
    assert pong == "True"
    assert int(owner) != 0
    assert not Path(data).exists()


def test_exit_code_of_the_command_is_passed_on():
    done = subprocess.run([*SERVICES, "sh", "-c", "exit 7"], cwd=ROOT, env=clean_environment(), timeout=60)
    assert done.returncode == 7


def test_running_servers_are_used_as_they_are():
    given = {"TEST_DATABASE_URL": "postgresql://a/b", "TEST_REDIS_URL": "redis://c/0"}
    show = "import os; print(os.environ['TEST_DATABASE_URL'], os.environ['TEST_REDIS_URL'])"
    done = subprocess.run(
        [*SERVICES, sys.executable, "-c", show],
        cwd=ROOT, env={**clean_environment(), **given}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == list(given.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop_it_takes_the_servers_down(tmp_path, number):
    told = tmp_path / "data"
    script = f"{ASK}\nopen({str(told)!r}, 'w').write(data)\nimport time; time.sleep(60)"
    ours = signal.signal(number, signal.SIG_DFL)  # also where whoever runs the tests ignores it, as nohup
    running = subprocess.Popen([*SERVICES, sys.executable, "-c", script], cwd=ROOT, env=clean_environment())
    signal.signal(number, ours)
    try:
        while not (told.exists() and told.read_text()):
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(60) == 128 + number
    finally:
        running.kill()
        running.wait()
    assert not Path(told.read_text()).exists()
