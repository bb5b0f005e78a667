"""YooKassa's REST API as such: one call, and its answers turned into our errors."""

import re
import time
from typing import Any

from django.conf import settings

from billing.errors import AnswerOdd, ProviderBusy, ProviderMisconfigured, ProviderNotFound, ProviderRefused
from billing.providers.base import Credentials
from core.errors import OutcomeUnknown
from core.http import CONNECT_SECONDS, Answer, OutsideSession
from core.texts import storable

# https://yookassa.ru/developers/using-api/interaction-format#idempotence
KEY_LENGTH = 64
# An idle connection may be closed from the other side just as we use it, which would look like a lost answer.
IDLE_SECONDS = 15.0
# No numeric limits are published. Without a word we wait this long, and never longer than the cap.
BUSY_SECONDS, BUSY_SECONDS_MOST = 1.0, 600.0
DESCRIPTION_LENGTH = 300
# An address in a description is somebody's personal data.
EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")


class YooKassaApi:
    """Calls of one shop. Not shared between threads.

    A call waits `read_seconds` for its answer, and for the connection a quarter of that, at most 5 s.
    """

    def __init__(self, credentials: Credentials, *, read_seconds: float) -> None:
        self._auth = (credentials.remote_account.encode(), credentials.secret.encode())
        self._secret = credentials.secret
        self._session = OutsideSession(
            read_seconds=read_seconds, connect_seconds=min(CONNECT_SECONDS, read_seconds / 4)
        )
        self._used_at = time.monotonic()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read an object. Raises as `_call`, AnswerOdd if the answer is no object."""
        answer = self._call("GET", path, params=query)
        if not isinstance(answer.body, dict):
            raise AnswerOdd(f"GET {path}: {_kind(answer)} instead of an object")
        return answer.body

    def post(self, path: str, *, key: str, body: str) -> dict[str, Any]:
        """Send the body as it is under an idempotence key. Raises as `_call`.

        An answer that is no object is OutcomeUnknown here: the call may have been done.
        """
        if not 0 < len(key) <= KEY_LENGTH or not key.isascii() or not key.isprintable():
            raise ValueError(f"an idempotence key has 1 to {KEY_LENGTH} plain characters")
        headers = {"Content-Type": "application/json", "Idempotence-Key": key}
        answer = self._call("POST", path, data=body.encode(), headers=headers)
        if not isinstance(answer.body, dict):
            raise OutcomeUnknown(f"POST {path}: {_kind(answer)} instead of an object")
        return answer.body

    def close(self) -> None:
        self._session.close()

    def _call(self, method: str, path: str, **arguments: Any) -> Answer:
        """Call and return a good answer.

        Raises ServiceUnreachable (nothing was done), OutcomeUnknown (no answer, 202, 5xx, or one that is not
        the API's: repeat with the same key), ProviderRefused, ProviderNotFound, ProviderMisconfigured and
        ProviderBusy.
        """
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self._session.close()
        address = settings.YOOKASSA_API_URL.rstrip("/") + path
        try:
            answer = self._session.call(method, address, route=path, auth=self._auth, **arguments)
        finally:
            self._used_at = time.monotonic()
        if answer.status != 200:
            raise self._error(f"{method} {path}: {answer.status}", answer)
        return answer

    def _error(self, call: str, answer: Answer) -> Exception:
        """Return what an answer other than 200 means: https://yookassa.ru/developers/using-api/response-handling.

        A refusal counts only in the API's own words: a gateway's page says nothing of the object or the keys.
        """
        fields = answer.body if isinstance(answer.body, dict) else {}
        words = f"{call} {self._described(fields) or _kind(answer)}"
        if answer.status == 429:
            return ProviderBusy(words, seconds=_pause(answer, fields))
        if answer.status in (405, 415):  # these come without a body
            return ProviderRefused(words)
        if answer.status == 202 or not isinstance(fields.get("code"), str):
            return OutcomeUnknown(words)
        match answer.status:
            case 401 | 403:
                return ProviderMisconfigured(words)
            case 404:
                return ProviderNotFound(words)
            case status if 400 <= status < 500:
                return ProviderRefused(words)
        return OutcomeUnknown(words)

    def _described(self, fields: dict[str, Any]) -> str:
        said = [str(fields[name]) for name in ("code", "description", "parameter") if fields.get(name)]
        text = ", ".join(said).replace(self._secret, "***")
        return EMAIL.sub("***", storable(text))[:DESCRIPTION_LENGTH]


def _kind(answer: Answer) -> str:
    if answer.body is not None:
        return "unexpected JSON"
    return f"not JSON ({answer.headers.get('Content-Type', 'no type').split(';')[0]})"


def _pause(answer: Answer, fields: dict[str, Any]) -> float:
    """Return how many seconds to wait: the body counts milliseconds, the header seconds."""
    milliseconds, seconds = fields.get("retry_after"), answer.headers.get("Retry-After", "")
    pause = BUSY_SECONDS
    if isinstance(milliseconds, int | float) and milliseconds > 0:
        pause = milliseconds / 1000
    elif seconds.isdecimal():
        pause = float(seconds)
    return min(max(pause, BUSY_SECONDS / 2), BUSY_SECONDS_MOST)
