"""The one way out to services that speak JSON over HTTP: with time-outs, limits and typed errors."""

import json
import time
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from core.errors import OutcomeUnknown, OutsideError, ServiceUnreachable
from core.said import said

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Answer:
    """What the service said: HTTP status, headers, and the body as JSON where it is JSON."""

    status: int
    body: Any
    text: str
    headers: dict[str, str]


class OutsideSession:
    """A session with one service. Not shared between threads.

    Redirects are not followed: an answer that points elsewhere is a wrong address, and following
    it would carry credentials along.
    """

    def __init__(
        self,
        *,
        read_seconds: float,
        connect_seconds: float = CONNECT_SECONDS,
        verify: bool = True,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeouts = (connect_seconds, read_seconds)
        self._session = requests.Session()
        self._session.trust_env = False
        # Cookies are not kept: a caller that has a session with the service says so itself.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.verify = verify
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=4, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def call(self, method: str, url: str, *, route: str = "", **arguments: Any) -> Answer:
        """Make one call and return the answer, whatever its status.

        `route` is what errors show of the address behind its host; the rest of it may be secret.
        Raises ServiceUnreachable if no connection came about (nothing was done there), OutcomeUnknown
        if the answer was lost (it may have been done), OutsideError if the answer is too large.
        """
        place = f"{method} {site_of(url)}{route}"
        try:
            with self._session.request(
                method, url, timeout=self._timeouts, allow_redirects=False, stream=True, **arguments
            ) as response:
                give_up_at = time.monotonic() + self._timeouts[1]
                raw = _read(response, place, give_up_at=give_up_at, max_bytes=self._max_bytes)
        except requests.exceptions.ConnectTimeout as failed:
            raise ServiceUnreachable(
                said("%(call)s: nothing answers at this address", call=place)
            ) from failed
        except requests.exceptions.SSLError as failed:
            text = said("%(call)s: no secure connection: see to the certificate", call=place)
            raise ServiceUnreachable(text) from failed
        except requests.exceptions.ConnectionError as failed:
            if _was_sent(failed):
                raise OutcomeUnknown(said("%(call)s: the connection broke", call=place)) from failed
            raise ServiceUnreachable(said("%(call)s: no connection", call=place)) from failed
        except requests.exceptions.InvalidURL as failed:
            raise OutsideError(
                said("%(call)s: the address is not valid", call=place), permanent=True
            ) from failed
        except requests.exceptions.ReadTimeout as failed:
            raise OutcomeUnknown(said("%(call)s: no answer in time", call=place)) from failed
        except (requests.exceptions.RequestException, HTTPError, OSError) as failed:
            raise OutcomeUnknown(f"{place}: {type(failed).__name__}") from failed
        return _answer(response, raw)

    def close(self) -> None:
        """Give connections back. The session can be used again."""
        self._session.close()


def _read(response: requests.Response, place: str, *, give_up_at: float, max_bytes: int) -> bytes:
    """Read the whole body, so that the connection can be used again, but never more than the limit.

    As it comes: an answer that trickles in would keep every single read within its time-out, for ever.
    """
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(2**16, decode_content=True):
        if time.monotonic() > give_up_at:
            raise OutcomeUnknown(said("%(call)s: the answer does not end", call=place))
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise OutsideError(
                said("%(call)s: the answer is larger than %(size)s bytes", call=place, size=max_bytes)
            )
    return b"".join(parts)


def _answer(response: requests.Response, raw: bytes) -> Answer:
    text = raw.decode("utf-8", errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    return Answer(status=response.status_code, body=body, text=text, headers=dict(response.headers))


def site_of(url: str) -> str:
    """Return scheme, host and port of an address: all that a text may show, for its path may be a secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "?"
    host = parts.hostname or "?"
    return f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}"


def _was_sent(failed: requests.exceptions.ConnectionError) -> bool:
    """Tell a connection that broke under way from one that never came about."""
    reason = getattr(failed.args[0], "reason", None) if failed.args else None
    return type(reason).__name__ not in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}
