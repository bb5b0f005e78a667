"""The provider as the sandbox's server sees it: its application, its jobs, its saved state."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import fields
from typing import Any

from aiohttp import web

from sandbox.clock import WakingClock
from sandbox.control import Controls, middlewares, mount_controls
from sandbox.events import EventHub
from sandbox.yookassa.api import PREFIX, Api, api_middleware, shaped
from sandbox.yookassa.cashier import Cashier
from sandbox.yookassa.control import YooKassaControl
from sandbox.yookassa.keys import HEADER
from sandbox.yookassa.knobs import Knobs
from sandbox.yookassa.ledger_page import LedgerPage
from sandbox.yookassa.notifier import Notifier
from sandbox.yookassa.page import PayPage
from sandbox.yookassa.refunds import RefundDesk
from sandbox.yookassa.state import Books

JOBS_SECONDS = 0.1


def call_name(request: web.Request) -> str | None:
    """Name a call of the API by method and path; control calls and the pay page meet no faults."""
    return f"{request.method} {request.path}" if request.path.startswith(f"{PREFIX}/") else None


class YooKassaStandIn:
    """Stands for api.yookassa.ru and the page payers are sent to.

    `webhook_url` is where notifications go, as set in the merchant's cabinet; empty: nowhere.
    """

    name = "yookassa"

    def __init__(self, hub: EventHub, *, webhook_url: str = "") -> None:
        clock = WakingClock()
        self.hub = hub
        self.controls = Controls(clock=clock)
        self.books, self.knobs = Books(), Knobs()
        self.notifier = Notifier(clock, hub, self.controls.faults, self.knobs, webhook_url)
        self.cashier = Cashier(self.books, clock, hub, self.knobs, self.notifier)
        self.refunds = RefundDesk(self.cashier)
        self._jobs: asyncio.Task[None] | None = None
        self._app = self._build()

    def listens_at(self, address: str) -> None:
        """Say under which address payers reach the pay page."""
        self.cashier.base = address

    def app(self) -> web.Application:
        return self._app

    def _build(self) -> web.Application:
        layers = middlewares(self.controls, call_name, shaped, logged_headers=(HEADER,))
        app = web.Application(middlewares=[*layers, api_middleware(self.refunds.catch_up)])
        mount_controls(app, self.controls, self.hub, reset=self.reset)
        YooKassaControl(self.cashier, self.refunds).add_to(app.router)
        app.router.add_get("/", LedgerPage(self.cashier).show)
        PayPage(self.cashier).add_to(app.router)
        Api(self.cashier, self.refunds).add_to(app.router)
        return app

    async def reset(self) -> None:
        """Forget everything but the first shop and the first address for notifications."""
        await self.notifier.reset()
        self.books.clear()
        self.cashier.forget_due()
        self.knobs.turn({each.name: getattr(Knobs(), each.name) for each in fields(Knobs)})
        self.hub.touch()

    def dump(self) -> dict[str, Any]:
        return {
            "books": self.books.dump(),
            "knobs": self.knobs.dump(),
            "notifier": self.notifier.dump(),
            "clock": self.controls.clock.state()["offset"],
        }

    def load(self, state: dict[str, Any]) -> None:
        self.controls.clock.apply({"real": True})
        self.controls.clock.apply({"advance": state["clock"]})
        self.books.load(state["books"])
        self.knobs.turn(state["knobs"])
        self.notifier.load(state["notifier"])
        self.refunds.remember_due()

    async def start(self) -> None:
        """Go on with what a snapshot left to be told, and do from now on what time brings about."""
        self.notifier.resume()
        self._jobs = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(JOBS_SECONDS)
            self.refunds.catch_up()

    async def stop(self) -> None:
        if self._jobs is not None:
            self._jobs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._jobs
            self._jobs = None
        await self.notifier.close()
