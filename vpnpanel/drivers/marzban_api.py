"""Marzban's REST API as such: tokens, and answers turned into our errors. 0.8.4 is the last release."""

import time
from dataclasses import dataclass
from typing import Any

import jwt

from core.errors import OutcomeUnknown, OutsideError, ServiceUnreachable
from core.http import Answer, OutsideSession
from core.said import said
from vpnpanel.drivers.base import PanelAddress
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelRefused

TOKEN_LEEWAY_SECONDS = 60
# A token whose end cannot be read is used this long: shorter than any setting that makes sense.
BLIND_TOKEN_SECONDS = 300
# Marzban closes idle connections after about 5 s. A call on one of those fails at once, having done nothing.
STALE_CONNECTION_SECONDS = 1.0


@dataclass(frozen=True)
class Token:
    text: str
    good_until: float


# Marzban tells its owner of each failed login, with the password that was typed, so we don't insist.
REFUSED_LOGIN_SECONDS = 300
REFUSED = said("the panel refuses our administrator's name or password")

# When logins were refused, by the monotonic clock.
REFUSALS: dict[tuple[str, str, str], float] = {}
# What this process got by logging in.
TOKENS: dict[tuple[str, str, str], Token] = {}


class MarzbanApi:
    """Calls with a cached token. Logging in costs the panel 0.4 s, so a process does it once a day."""

    def __init__(self, address: PanelAddress, *, read_seconds: float) -> None:
        self._address = address
        self._base = address.base_url.rstrip("/")
        self._key = (self._base, address.username, address.password)
        self._session = OutsideSession(read_seconds=read_seconds, verify=address.verify_tls)

    def read(self, path: str, **query: Any) -> Any:
        """GET and return the JSON. Raises as `call`."""
        return self.call("GET", path, params=query)

    def call(self, method: str, path: str, *, may_repeat: bool = True, **arguments: Any) -> Any:
        """Make a call and return the JSON of a good answer.

        Raises AnswerLost if none came, PanelDown if the panel cannot be reached or its gateway is in trouble,
        AccountFailed on a plain 500 (it may be about one account only), AccountMissing, NameTaken, and
        PanelRefused on any other no.
        """
        answer = self._ask(method, path, may_repeat, arguments)
        if answer.status == 401:
            TOKENS.pop(self._key, None)
            answer = self._ask(method, path, may_repeat, arguments)
        return _judge(f"{method} {path}", answer)

    def is_sudo(self) -> bool:
        """Tell whether our administrator may do more than a shop needs, as its token says."""
        try:
            return _claims_of(self._token()).get("access") == "sudo"
        except jwt.InvalidTokenError:
            return False

    def close(self) -> None:
        self._session.close()

    def _ask(self, method: str, path: str, may_repeat: bool, arguments: dict[str, Any]) -> Answer:
        headers = {"Authorization": f"Bearer {self._token()}"}
        return self._send(method, path, may_repeat, headers=headers, **arguments)

    def _send(self, method: str, path: str, may_repeat: bool, **arguments: Any) -> Answer:
        began = time.monotonic()
        try:
            try:
                return self._session.call(method, self._base + path, route=path, **arguments)
            except OutcomeUnknown:
                if not may_repeat or time.monotonic() - began > STALE_CONNECTION_SECONDS:
                    raise
                return self._session.call(method, self._base + path, route=path, **arguments)
        except OutcomeUnknown as failed:
            raise AnswerLost(failed.sentence) from failed
        except ServiceUnreachable as failed:
            raise PanelDown(failed.sentence) from failed
        except OutsideError as failed:
            raise PanelRefused(failed.sentence, permanent=failed.permanent) from failed

    def _token(self) -> str:
        known = TOKENS.get(self._key)
        if known is not None and known.good_until > time.time():
            return known.text
        if time.monotonic() - REFUSALS.get(self._key, -REFUSED_LOGIN_SECONDS) < REFUSED_LOGIN_SECONDS:
            raise PanelDown(REFUSED, permanent=True)
        name, password = self._address.username, self._address.password
        form = {"grant_type": "password", "username": name, "password": password}
        answer = self._send("POST", "/api/admin/token", True, data=form)
        if answer.status == 401:
            REFUSALS[self._key] = time.monotonic()
            raise PanelDown(REFUSED, permanent=True)
        if answer.status in (404, 405) or (answer.status < 500 and not isinstance(answer.body, dict)):
            raise PanelDown(
                said("login: %(status)s: is this address a Marzban panel's?", status=answer.status)
            )
        text = str(_judge("login", answer).get("access_token", ""))
        if not text:
            raise PanelDown(said("the panel's login answered without a token"))
        TOKENS[self._key] = Token(text, _end_of(text) - TOKEN_LEEWAY_SECONDS)
        return text


class AnswerLost(PanelDown):
    """The call may have been done: nothing came back."""


class NameTaken(PanelRefused):
    """The panel has an account of that name already."""


def _end_of(token: str) -> float:
    """Return when the token ends by its own claim, in Unix seconds; without a claim it has no end."""
    try:
        return float(_claims_of(token).get("exp") or "inf")
    except (jwt.InvalidTokenError, TypeError, ValueError):
        return time.time() + BLIND_TOKEN_SECONDS


def _claims_of(token: str) -> dict[str, Any]:
    """Return what a token says of itself. Raises jwt.InvalidTokenError."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def _judge(call: str, answer: Answer) -> Any:
    if answer.status in (200, 201) and isinstance(answer.body, dict):
        return answer.body
    detail = _detail(answer)
    words = f"{call}: {answer.status} {detail}"
    match answer.status:
        case 404 if detail == "User not found":
            raise AccountMissing(words)
        case 409:
            raise NameTaken(words)
        case 401 | 429 | 502 | 503 | 504:
            raise PanelDown(words)
        case status if status >= 500:
            raise AccountFailed(words)
        case status if status < 300:
            raise PanelDown(words)  # a page, not the API: a gateway's, or the wrong address
    raise PanelRefused(words)


def _detail(answer: Answer) -> str:
    if isinstance(answer.body, dict):
        return str(answer.body.get("detail", ""))[:300]
    kind = answer.headers.get("Content-Type", "no type").split(";")[0]
    return f"not JSON ({kind})" if answer.body is None else "unexpected JSON"
