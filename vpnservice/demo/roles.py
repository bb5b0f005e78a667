"""How each process of the demo is started, and how to tell that it works."""

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from vpnservice.demo.environment import BOT_USERNAME, address
from vpnservice.demo.processes import Child
from vpnservice.demo.readiness import ASK_SECONDS, answers
from vpnservice.demo.state import DemoState

SHOP = ("web", "bot", "worker")


def sandbox_command(root: Path, state: DemoState, ports: dict[str, int], token: str) -> list[str]:
    return [
        sys.executable, str(root / "manage.py"), "sandbox",
        "--page-port", str(ports["sandbox"]),
        "--telegram-port", str(ports["telegram_api"]),
        "--marzban-port", str(ports["marzban"]),
        "--xui-port", str(ports["xui"]),
        "--yookassa-port", str(ports["yookassa"]),
        "--yookassa-webhook", f"{address(ports['web'])}/webhooks/yookassa",
        "--snapshot", str(state.snapshot),
        "--bot-token", token, "--bot-username", BOT_USERNAME,
        "--admin-url", f"{address(ports['web'])}/admin/",
    ]  # fmt: skip


def shop_commands(root: Path, ports: dict[str, int]) -> dict[str, list[str]]:
    """Return the commands of the shop's roles; beat lives in the worker."""
    manage = [sys.executable, str(root / "manage.py")]
    web = [
        sys.executable, "-m", "granian", "vpnservice.wsgi:application", "--working-dir", str(root),
        "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(ports["web"]),
        "--workers", "2", "--blocking-threads", "1",
    ]  # fmt: skip
    worker = [
        sys.executable, "-m", "celery", "--workdir", str(root), "-A", "vpnservice",
        "worker", "--beat", "--loglevel", "INFO", "--queues", "fast,default",
        "--pool", "threads", "--concurrency", "4",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    return {"web": web, "bot": [*manage, "bot"], "worker": worker}


def bot_polls(ports: dict[str, int]) -> bool:
    """Tell whether the stand-in for Telegram has been asked for updates."""
    url = f"{address(ports['telegram_api'])}/_emu/calls?call=getUpdates&limit=1"
    try:
        with urllib.request.urlopen(url, timeout=ASK_SECONDS) as answer:
            return bool(json.load(answer))
    except (OSError, ValueError):
        return False


def checks(ports: dict[str, int], token: str, worker: Child) -> dict[str, Callable[[], bool]]:
    """Return, by name, what must hold before the demo calls itself open."""
    telegram, marzban = address(ports["telegram_api"]), address(ports["marzban"])
    return {
        "sandbox": lambda: answers(address(ports["sandbox"])),
        "telegram_api": lambda: answers(f"{telegram}/bot{token}/getMe"),
        "marzban": lambda: answers(marzban),
        "xui": lambda: answers(address(ports["xui"])),
        "yookassa": lambda: answers(f"{address(ports['yookassa'])}/_emu/clock"),
        "web": lambda: answers(f"{address(ports['web'])}/readyz"),
        "bot": lambda: bot_polls(ports),
        # A file broker can't be asked; the worker says in its log that it has begun to listen.
        "worker": lambda: " ready." in worker.output(),
    }
