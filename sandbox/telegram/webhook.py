"""Delivery of updates to the bot's webhook.

Rules and texts: https://github.com/tdlib/telegram-bot-api (WebhookActor.cpp). Only addresses of this machine
are called, over HTTP too, as the server in local mode would.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp

from sandbox.clock import WakingClock
from sandbox.telegram.errors import bad_request, too_many
from sandbox.telegram.params import Params
from sandbox.telegram.updates import Update, UpdateQueue

PORTS = (443, 80, 88, 8443)
CONNECTIONS = 40
MOST_CONNECTIONS = 100
SECRET_LENGTH = 256
GONE_SECONDS = 23 * 3600
LONGEST_RETRY_AFTER = 3600
DELIVERY_SECONDS = 60
SET_AGAIN_SECONDS = 1.0
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"

# Told the body of the bot's answer: a call may ride on it, whose result the bot never sees.
Reply = Callable[[bytes], Awaitable[None]]


@dataclass
class Target:
    """Where updates go, and how the last deliveries went."""

    url: str = ""
    secret: str = ""
    connections: int = CONNECTIONS
    ip_address: str = ""
    has_certificate: bool = False
    last_error_at: int = 0
    last_error: str = ""
    gone_since: float | None = None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(url: str) -> None:
    """Raise ApiError for an address the server would not deliver to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return
    if parts.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if port_of(parts) not in PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if not address.is_global:
        raise bad_request(f"bad webhook: IP address {address} is reserved")


def port_of(parts: SplitResult) -> int:
    try:
        return parts.port or 443
    except ValueError:
        return 0


def check_secret(secret: str) -> None:
    if len(secret) > SECRET_LENGTH:
        raise bad_request("secret token is too long")
    if re.fullmatch(r"[A-Za-z0-9_-]*", secret) is None:
        raise bad_request("secret token contains unallowed characters")


class Webhook:
    """One task per queue that has something to deliver, so that order holds inside a queue and only there."""

    def __init__(self, queue: UpdateQueue, clock: WakingClock, on_reply: Reply) -> None:
        self._queue = queue
        self._on_reply = on_reply
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self.speed_up = 1.0
        self.target = Target()
        self._set_at = 0.0
        self._lanes: dict[str, deque[Update]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(CONNECTIONS)

    @property
    def is_set(self) -> bool:
        return bool(self.target.url)

    def set(self, params: Params) -> str:
        """Set or (with an empty address) delete the webhook; give the answer's description."""
        url = params.text("url").strip()
        if not url:
            return self.delete(params)
        check_address(url)
        secret = params.text("secret_token")
        check_secret(secret)
        self._not_too_often()
        connections = min(max(params.integer("max_connections", CONNECTIONS), 1), MOST_CONNECTIONS)
        certificate = "certificate" in params.files
        ip_address = params.text("ip_address") or (urlsplit(url).hostname or "")
        wished = Target(url, secret, connections, ip_address if is_ip(ip_address) else "", certificate)
        self._read_wishes(params)
        current = self.target
        if settings(wished) == settings(current):
            return "Webhook is already set"
        self.stop_deliveries()
        self.target = wished
        self._slots = asyncio.Semaphore(connections)
        self.start_deliveries()
        return "Webhook was set"

    def _read_wishes(self, params: Params) -> None:
        if "allowed_updates" in params:
            self._queue.want(params.json("allowed_updates", "allowed updates"))
        if params.flag("drop_pending_updates"):
            self.stop_deliveries()
            self._queue.drop_all()
            self.start_deliveries()

    def _not_too_often(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._set_at < SET_AGAIN_SECONDS / self.speed_up:
            raise too_many(1)
        self._set_at = now

    def delete(self, params: Params) -> str:
        self._read_wishes(params)
        if not self.is_set:
            return "Webhook is already deleted"
        self.stop_deliveries()
        self.target = Target()
        return "Webhook was deleted"

    def info(self) -> dict[str, Any]:
        """Give the fields of getWebhookInfo."""
        target = self.target
        fields: dict[str, Any] = {
            "url": target.url,
            "has_custom_certificate": target.has_certificate,
            "pending_update_count": len(self._queue),
        }
        if target.url:
            fields["max_connections"] = target.connections
        if target.ip_address:
            fields["ip_address"] = target.ip_address
        if target.last_error_at:
            fields |= {"last_error_date": target.last_error_at, "last_error_message": target.last_error}
        wanted = self._queue.wanted_names()
        return fields if wanted is None else fields | {"allowed_updates": wanted}

    def offer(self, update: Update) -> None:
        """Put an update into its lane. Does nothing without a webhook."""
        if not self.is_set:
            return
        lane = self._lanes.setdefault(update.key, deque())
        lane.append(update)
        if update.key not in self._tasks:
            task = asyncio.create_task(self._drain(update.key, lane))
            self._tasks[update.key] = task

    def start_deliveries(self) -> None:
        for update in [*self._queue.take_repeats(), *self._queue.waiting()]:
            self.offer(update)

    def stop_deliveries(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._lanes.clear()

    def forget(self) -> None:
        """Drop the webhook and whatever was on its way to it."""
        self.stop_deliveries()
        self.target = Target()
        self._set_at = 0.0
        self.speed_up = 1.0

    async def close(self) -> None:
        self.stop_deliveries()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _drain(self, key: str, lane: deque[Update]) -> None:
        while lane:
            await self._deliver(lane[0])
            self._queue.discard(lane.popleft().id)
        self._lanes.pop(key, None)
        self._tasks.pop(key, None)

    async def _deliver(self, update: Update) -> None:
        """Return once the update is accepted or has expired."""
        tries = 0
        while update.expires_at > self._clock.now():
            async with self._slots:
                wait = await self._try(update)
            if wait is None:
                return
            tries += 1
            await self._clock.sleep(max(wait, retry_delay(tries)) / self.speed_up)

    async def _try(self, update: Update) -> float | None:
        """Send once. None means accepted, else the least time in seconds before the next try."""
        target = self.target
        if not is_loopback(urlsplit(target.url).hostname or ""):
            self._failed("Connection refused: the sandbox delivers to this machine only")
            return 0
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if target.secret:
            headers[SECRET_HEADER] = target.secret
        try:
            sending = self._http().post(
                target.url, data=update.text.encode(), headers=headers, allow_redirects=False
            )
            async with sending as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._failed(failure(error))
            return 0
        if 200 <= response.status <= 299:
            target.gone_since = None
            if body and response.content_type == "application/json":
                await self._on_reply(body)
            return None
        self._failed(f"Wrong response from the webhook: {response.status} {response.reason}")
        self._note_gone(response.status)
        asked = response.headers.get("Retry-After", "")
        return min(int(asked), LONGEST_RETRY_AFTER) if asked.isdecimal() else 0

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=DELIVERY_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        return self._session

    def _failed(self, message: str) -> None:
        self.target.last_error = message
        self.target.last_error_at = int(self._clock.now())

    def _note_gone(self, status: int) -> None:
        """A webhook that says 410 for 23 hours is deleted."""
        target = self.target
        if status != 410:
            target.gone_since = None
        elif target.gone_since is None:
            target.gone_since = self._clock.now()
        elif self._clock.now() - target.gone_since >= GONE_SECONDS:
            self.target = Target()
            asyncio.get_running_loop().call_soon(self.stop_deliveries)

    def dump(self) -> dict[str, Any]:
        return asdict(self.target)

    def load(self, state: dict[str, Any]) -> None:
        self.target = Target(**state)
        self._slots = asyncio.Semaphore(self.target.connections)


def failure(error: Exception) -> str:
    """Name a failed connection as getWebhookInfo would."""
    if isinstance(error, TimeoutError):
        return "Connection timed out"
    refused = isinstance(error, aiohttp.ClientConnectorError)
    return "Connection refused" if refused else "Connection reset by peer"


def retry_delay(tries: int) -> float:
    """Seconds to wait after a number of failed tries: none, then 2, 4, 8 ... up to one or two minutes."""
    if tries == 1:
        return 0
    return min(2.0 ** (tries - 1), random.uniform(60, 120))


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def settings(target: Target) -> tuple[str, str, int, str]:
    return target.url, target.secret, target.connections, target.ip_address
