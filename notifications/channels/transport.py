"""python-telegram-bot's way out, on aiohttp: five times the calls a second of its default transport."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

log = logging.getLogger(__name__)

Timeout = float | None | Any
JSON_TYPE = {"Content-Type": "application/json"}
# The name by which parameters refer to the file: https://core.telegram.org/bots/api#sending-files
PHOTO = "picture"
ATTACHED_PHOTO = f"attach://{PHOTO}"


class NotReached(NetworkError):
    """No connection came about: the call was certainly not carried out."""


@dataclass(frozen=True)
class Call:
    """Parameters of one call as plain values, with at most one PNG. Instead of PTB's RequestData.

    Its objects for messages and buttons cost a third of an answer's time: they look up dozens of attributes
    for each button, and build a Message from an answer of which we read one number.
    """

    parameters: dict[str, Any]
    photo: bytes | None = None

    @property
    def contains_files(self) -> bool:
        return self.photo is not None


class AiohttpRequest(BaseRequest):
    """A pool of connections to the Bot API. Belongs to the event loop that initialised it."""

    def __init__(self, *, connections: int, read_seconds: float = 20.0, connect_seconds: float = 5.0) -> None:
        self._connections = connections
        self._read_seconds = read_seconds
        self._connect_seconds = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float | None:
        return self._read_seconds

    async def initialize(self) -> None:
        if self._session is None:
            # Telegram closes idle connections after about a minute; ours go first.
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)

    async def shutdown(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, url: str, call: Call) -> Any:
        """Make a call and return its result as JSON. Raises telegram.error.TelegramError as PTB does."""
        return await self.post(url, call)  # type: ignore[arg-type] # handed to do_request as it is

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | Call | None = None,
        read_timeout: Timeout = BaseRequest.DEFAULT_NONE,
        write_timeout: Timeout = BaseRequest.DEFAULT_NONE,
        connect_timeout: Timeout = BaseRequest.DEFAULT_NONE,
        pool_timeout: Timeout = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Make one call and return status and body.

        Raises NotReached if no connection came about. TimedOut if no answer came in time and NetworkError if
        the connection failed: in both cases the call may have been carried out.
        """
        if self._session is None:
            raise RuntimeError("initialize() this request first")
        timeout = aiohttp.ClientTimeout(
            sock_connect=self._or(connect_timeout, self._connect_seconds),
            sock_read=self._or(read_timeout, self._read_seconds),
        )
        try:
            async with self._session.request(method, url, timeout=timeout, **_body(request_data)) as response:
                return response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as failed:
            raise NotReached(f"no connection: {type(failed).__name__}") from failed
        except TimeoutError as late:
            raise TimedOut("no answer in time") from late
        except aiohttp.ClientError as failed:
            raise NetworkError(f"connection failed: {type(failed).__name__}") from failed

    @staticmethod
    def _or(given: Timeout, default: float) -> float | None:
        return default if given is BaseRequest.DEFAULT_NONE else given


def _body(request_data: RequestData | Call | None) -> dict[str, Any]:
    """Return the arguments that carry the parameters: JSON, or a form where a file goes along."""
    if request_data is None:
        return {}
    if isinstance(request_data, Call):
        return _plain_body(request_data)
    if not request_data.contains_files:
        return {"data": request_data.json_parameters}
    form = aiohttp.FormData()
    for name, value in request_data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime_type) in (request_data.multipart_data or {}).items():
        form.add_field(name, content, filename=filename, content_type=mime_type)
    return {"data": form}


def _plain_body(call: Call) -> dict[str, Any]:
    if call.photo is None:
        return {"data": json.dumps(call.parameters).encode(), "headers": JSON_TYPE}
    form = aiohttp.FormData()
    for name, value in call.parameters.items():
        form.add_field(name, value if isinstance(value, str) else json.dumps(value))
    form.add_field(PHOTO, call.photo, filename="picture.png", content_type="image/png")
    return {"data": form}
