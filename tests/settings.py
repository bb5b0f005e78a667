"""Settings of the test run: fixed values, nothing from the developer's own .env.

TEST_DATABASE_URL and TEST_REDIS_URL choose the servers; without them SQLite and the file broker are used.
"""

import os
import tempfile
from pathlib import Path

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
SCRATCH = Path(tempfile.gettempdir()) / f"vpnservice-tests-{os.getuid()}"
# Each xdist worker has a Redis database of its own, so that one's clean-up can't empty another's.
REDIS_SERVER = os.environ.get("TEST_REDIS_URL", "").rpartition("/")[0]

os.environ.update(
    {
        "ENV_FILE": os.devnull,
        "DEPLOYMENT": "test",
        "SECRET_KEY": "test-only",
        "ENCRYPTION_KEYS": "dGVzdC1vbmx5LXRlc3Qtb25seS10ZXN0LW9ubHktMTI=",
        "INSTALLATION_ID": "00000000-0000-4000-8000-000000000001",
        "PUBLIC_BASE_URL": "http://localhost:8000",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{SCRATCH / WORKER}.sqlite3",
        "REDIS_URL": f"{REDIS_SERVER}/{int(WORKER[2:]) + 1}" if REDIS_SERVER else "",
        "BROKER_FOLDER": str(SCRATCH / f"broker-{WORKER}"),
        "TELEGRAM_BOT_TOKEN": "1000001:test-only-token",
        "TELEGRAM_API_BASE_URL": "http://127.0.0.1:9",
        "TELEGRAM_MODE": "polling",
        "TELEGRAM_WEBHOOK_SECRET": "test-only-webhook-secret",
        "YOOKASSA_API_URL": "http://127.0.0.1:9/v3",
        "YOOKASSA_NOTICE_ADDRESSES": "127.0.0.0/8, ::1",
        "SANDBOX_ENABLED": "true",
        "STATIC_ROOT": str(SCRATCH / "static"),
        "DEBUG": "false",
        "LOG_LEVEL": "WARNING",
    }
)

from vpnservice.settings import *  # noqa: E402, F403
from vpnservice.settings import DATABASES, IS_SQLITE  # noqa: E402

Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # noqa: F405
if IS_SQLITE:
    # A file, not memory: locks between connections are then the ones that production meets.
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / f"test-{os.getpid()}.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Else each test client would look through all static files there are before its first request.
WHITENOISE_AUTOREFRESH = True
