"""Who asks for a nudge never waits for the broker, however many ask and whatever state the broker is in."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import django, time
django.setup()
from core.bursts import BurstNudge
import vpnservice.celery
nudge = BurstNudge("billing.tasks.work_notices")
nudge.ask()
time.sleep(0.5)
began = time.monotonic()
for _ in range(1000):
    nudge.ask()
print(time.monotonic() - began)
"""


def test_a_broker_that_does_not_answer_holds_nobody_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_REDIS_URL": f"redis://127.0.0.1:{silent.getsockname()[1]}/0",
            "TEST_DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        }
        done = subprocess.run(
            [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
        silent.settimeout(1)
        silent.accept()[0].close()  # so the broker was asked
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.5
