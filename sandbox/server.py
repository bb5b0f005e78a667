"""Builds the stand-ins and serves each on a port of its own, all in one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import web

from sandbox.events import EventHub
from sandbox.marzban import MarzbanStandIn
from sandbox.page import page_app
from sandbox.standin import PanelStandIn, StandIn
from sandbox.store import Store
from sandbox.telegram import TelegramStandIn
from sandbox.xui import XuiStandIn
from sandbox.xui.versions import DEFAULT, DEFAULT_LEGACY
from sandbox.yookassa import YooKassaStandIn

BOT_TOKEN = "1000000001:SANDBOX-not-a-real-token-0123456789"
BOT_USERNAME = "sandbox_vpn_bot"
# Marzban's own server closes an idle connection after about five seconds; clients must survive it.
PANEL_KEEPALIVE_SECONDS = 5
START_SECONDS = 20

Result = TypeVar("Result")


class SandboxServer:
    """The whole sandbox. Ports of 0 mean any free one; `addresses` says which, once started."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        page_port: int = 0,
        telegram_port: int = 0,
        marzban_ports: Sequence[int] = (0,),
        xui_ports: Sequence[int] = (),
        xui_versions: Sequence[str] = (DEFAULT, DEFAULT_LEGACY),
        yookassa_port: int = 0,
        yookassa_webhook: str = "",
        yookassa_url: str = "",
        snapshot: Path | None = None,
        bot_token: str = BOT_TOKEN,
        bot_username: str = BOT_USERNAME,
        links: dict[str, str] | None = None,
    ) -> None:
        self.host = host
        self.hub = EventHub()
        self.telegram = TelegramStandIn(self.hub, bot_token=bot_token, username=bot_username)
        self.marzbans = [
            MarzbanStandIn(self.hub, name=panel_name("marzban", n)) for n in range(len(marzban_ports))
        ]
        self.xuis = [
            XuiStandIn(self.hub, name=panel_name("xui", n), version=xui_versions[n % len(xui_versions)])
            for n in range(len(xui_ports))
        ]
        self.yookassa = YooKassaStandIn(self.hub, webhook_url=yookassa_webhook)
        self._pay_url = yookassa_url
        self.links = links if links is not None else {}
        self.addresses: dict[str, str] = {}
        self._ports = {"telegram": telegram_port, "page": page_port, "yookassa": yookassa_port}
        self._ports.update(zip((panel.name for panel in self.marzbans), marzban_ports, strict=True))
        self._ports.update(zip((panel.name for panel in self.xuis), xui_ports, strict=True))
        self._store = Store(snapshot, self.stand_ins) if snapshot is not None else None
        self._runners: list[web.AppRunner] = []

    @property
    def stand_ins(self) -> list[StandIn]:
        return [self.telegram, *self.panels, self.yookassa]

    @property
    def panels(self) -> list[PanelStandIn]:
        return [*self.marzbans, *self.xuis]

    async def start(self) -> None:
        """Load the snapshot, start every stand-in, then listen: panels and Telegram first, the page last.

        Raises OSError if a port is taken; stop() cleans up what had started.
        """
        if self._store is not None:
            self._store.load()
        for stand_in in self.stand_ins:
            await stand_in.start()
            idle = PANEL_KEEPALIVE_SECONDS if stand_in in self.marzbans else 75
            await self._listen(stand_in.name, stand_in.app(), idle)
        self.yookassa.listens_at(self._pay_url or self.addresses["yookassa"])
        page = page_app(self.telegram, self.panels, self.yookassa, links=self.links)
        await self._listen("page", page, 75)
        if self._store is not None:
            self.hub.on_change(self._store.changed)

    async def stop(self) -> None:
        """Stop listening, then the stand-ins, then save. Safe to repeat."""
        self.hub.close()
        for runner in reversed(self._runners):
            await runner.cleanup()
        for stand_in in self.stand_ins:
            await stand_in.stop()
        if self._store is not None and self._runners:
            self._store.save()
        self._runners = []

    async def _listen(self, name: str, app: web.Application, idle_seconds: int) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, keepalive_timeout=idle_seconds)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self.host, self._ports[name]).start()
        host, port = runner.addresses[0][:2]
        self.addresses[name] = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.links.setdefault(name, self.addresses[name])


def panel_name(kind: str, index: int) -> str:
    return kind if index == 0 else f"{kind}{index + 1}"


class SandboxThread:
    """Runs a sandbox in a thread of its own: `with SandboxThread() as box: box.addresses["marzban"]`."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)

    @property
    def addresses(self) -> dict[str, str]:
        return self.server.addresses

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the sandbox's loop and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    def __enter__(self) -> SandboxThread:
        self._thread.start()
        self.server = self.run(self._build())
        try:
            self.run(self.server.start())
        except BaseException:
            self._close()
            raise
        return self

    async def _build(self) -> SandboxServer:
        return SandboxServer(**self._options)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.run(self.server.stop())
        self.run(cancel_the_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()


async def cancel_the_rest() -> None:
    """End answers that still hang by order of a fault, though their callers have long left."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
