"""The demo's settings: made up once, kept in its folder, and never those of a real .env beside it."""

import os
import secrets
from pathlib import Path

from vpnservice.demo.ports import FIRST_PORT
from vpnservice.demo.state import DemoError, DemoState
from vpnservice.new_env import known_keys, make_keys

BOT_USERNAME = "sandbox_vpn_bot"


def address(port: int) -> str:
    """Numbers, not `localhost`: that may mean ::1 first, where nothing listens."""
    return f"http://127.0.0.1:{port}"


def load_secrets(path: Path) -> dict[str, str]:
    """Return the demo's own keys, made on the first start and the same ever after."""
    if not path.exists():
        keys = make_keys() | {"TELEGRAM_BOT_TOKEN": f"1000000001:{secrets.token_hex(16)}"}
        unfinished = path.with_suffix(".part")
        unfinished.touch(mode=0o600)
        unfinished.write_text("".join(f"{key}={value}\n" for key, value in keys.items()))
        unfinished.replace(path)
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def settings_for(state: DemoState, ports: dict[str, int]) -> dict[str, str]:
    """Return what the demo sets; every other setting has its default."""
    return {
        **load_secrets(state.environment),
        "DEPLOYMENT": "demo",
        "DEBUG": "false",
        "SANDBOX_ENABLED": "true",
        "PUBLIC_BASE_URL": address(ports["web"]),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": f"sqlite:///{state.database}",
        "BROKER_FOLDER": str(state.broker),
        "TELEGRAM_API_BASE_URL": address(ports["telegram_api"]),
        "TELEGRAM_MODE": "polling",
        "TELEGRAM_BOT_USERNAME": BOT_USERNAME,
        "YOOKASSA_API_URL": f"{address(ports['yookassa'])}/v3",
        "YOOKASSA_NOTICE_ADDRESSES": "127.0.0.0/8, ::1",
        "SUPPORT_CONTACT": "@sandbox_support",
        "LOG_FORMAT": "text",
    }


def first_port() -> int:
    """Return the port the others are counted from. Raises DemoError if DEMO_PORT is no such number."""
    wanted = os.environ.get("DEMO_PORT") or str(FIRST_PORT)
    if not wanted.isdigit() or not 1024 <= int(wanted) <= 65000:
        raise DemoError(f"DEMO_PORT must be a whole number from 1024 to 65000, not {wanted!r}.")
    return int(wanted)


def adopt(state: DemoState, ports: dict[str, int]) -> None:
    """Put the demo's settings into this process, before Django reads any; its children inherit them.

    A setting that the shell exports, perhaps a real shop's database, is dropped.
    """
    for key in known_keys():
        os.environ.pop(key, None)
    os.environ.update(settings_for(state, ports))
    os.environ["ENV_FILE"] = os.devnull
    os.environ["DJANGO_SETTINGS_MODULE"] = "vpnservice.settings"
