"""A missing or wrong setting stops start-up with one sentence that names its key."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "ENV_FILE": os.devnull,
    "DEPLOYMENT": "production",
    "SECRET_KEY": "ops-test-key-" * 5,
    "ENCRYPTION_KEYS": "b3BzLXRlc3QtLW9wcy10ZXN0LS1vcHMtdGVzdC0tMTI=",
    "INSTALLATION_ID": "00000000-0000-4000-8000-000000000003",
    "PUBLIC_BASE_URL": "https://shop.example.com",
    "TELEGRAM_BOT_TOKEN": "1000001:ops-test-token",
}
# Read by deploy/compose.yaml, which makes DATABASE_URL of it.
COMPOSE_ONLY = {"POSTGRES_PASSWORD"}


def start(**changes: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **GOOD, **changes}
    command = [sys.executable, "manage.py", "diffsettings"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def keys_in_settings() -> set[str]:
    tree = ast.parse((ROOT / "vpnservice" / "settings.py").read_text())
    reads = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        str(key.value)
        for read in reads
        if isinstance(read.func, ast.Attribute)
        and isinstance(read.func.value, ast.Name)
        and read.func.value.id == "env"
        and isinstance(key := read.args[0], ast.Constant)
    }


def keys_in_example() -> set[str]:
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", text, flags=re.MULTILINE))


def test_good_settings_start():
    done = start()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("ENCRYPTION_KEYS", ""),
        ("ENCRYPTION_KEYS", "not-a-fernet-key"),
        ("INSTALLATION_ID", "shop-1"),
        ("PUBLIC_BASE_URL", ""),
        ("PUBLIC_BASE_URL", "http://shop.example.com"),
        ("PUBLIC_BASE_URL", "shop.example.com"),
        ("TELEGRAM_BOT_TOKEN", ""),
        ("TELEGRAM_BOT_TOKEN", "abc"),
        ("TELEGRAM_MODE", "carrier pigeon"),
        ("TELEGRAM_MESSAGES_PER_SECOND", "many"),
        ("DATABASE_URL", "oracle://somewhere"),
        ("REDIS_URL", "http://localhost"),
        ("YOOKASSA_API_URL", "api.yookassa.ru"),
        ("YOOKASSA_NOTICE_ADDRESSES", "everywhere"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("DEPLOYMENT", "prod"),
        ("DEBUG", "true"),
        ("SANDBOX_ENABLED", "true"),
        ("SANDBOX_ENABLED", "perhaps"),
        ("TIME_ZONE", "Moon/Crater"),
        ("LOG_LEVEL", "LOUD"),
        ("SECURE_HSTS_SECONDS", "-1"),
    ],
)
def test_wrong_setting_stops_start_up_naming_its_key(key, value):
    done = start(**{key: value})
    assert done.returncode != 0
    assert key in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_webhook_mode_asks_for_its_secret():
    done = start(TELEGRAM_MODE="webhook")
    assert done.returncode != 0
    assert "TELEGRAM_WEBHOOK_SECRET" in done.stderr


def test_example_documents_exactly_the_settings_there_are():
    assert keys_in_example() - COMPOSE_ONLY == keys_in_settings()


def test_filled_in_example_starts(tmp_path):
    printed = subprocess.run(
        [sys.executable, "-m", "vpnservice.new_env"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    answers = {key: GOOD[key] for key in ("TELEGRAM_BOT_TOKEN", "PUBLIC_BASE_URL")}
    file = tmp_path / "env"
    file.write_text(
        re.sub(
            r"^(TELEGRAM_BOT_TOKEN|PUBLIC_BASE_URL)=$",
            lambda m: f"{m[1]}={answers[m[1]]}",
            printed.stdout,
            flags=re.M,
        )
    )
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(file)}
    command = [sys.executable, "manage.py", "diffsettings"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
