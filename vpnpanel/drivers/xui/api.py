"""3x-ui's API as such: signing in, and answers turned into our errors. Of its routes others know."""

import re
import time
from typing import Any
from urllib.parse import quote

from core.errors import OutcomeUnknown, OutsideError, ServiceUnreachable
from core.http import Answer, OutsideSession
from core.said import Sentence, said
from vpnpanel.drivers.base import PanelAddress
from vpnpanel.drivers.xui.doors import Door, Entry, cookie_header, cookies_of, door_of
from vpnpanel.drivers.xui.envelope import AnswerLost, AnswerOdd, RouteMissing, open_envelope
from vpnpanel.drivers.xui.totp import fresh_code
from vpnpanel.errors import PanelDown, PanelRefused

# Makes newer panels say 401 for "not logged in" instead of 404, and keeps texts in English.
HEADERS = {"X-Requested-With": "XMLHttpRequest", "Accept-Language": "en-US", "Accept": "application/json"}
# A call that fails sooner met a connection the panel had closed meanwhile, and did nothing.
STALE_CONNECTION_SECONDS = 1.0
# A list of 100,000 clients takes some 80 MB.
MAX_ANSWER_BYTES = 128 * 2**20
# Forms of "not logged in", by version; 403 is a session whose token against forgery is not taken.
SHUT = frozenset({301, 302, 303, 307, 308, 401, 404})

REFUSED = said(
    "the panel refuses our administrator's name or password; or it asks for a code too: then give the shop "
    "the secret of the second factor"
)
REFUSED_CODE = said(
    "the panel refuses our administrator's name, password or code: if they are right, see to the clocks of "
    "both machines"
)
REFUSED_TOKEN = said("the panel refuses our token")
# A client's key, or the name of its subscription, stands behind these in a path: words of errors are shown.
SECRET_IN_PATH = re.compile(r"(/(?:updateClient|delClient|subLinks)/)[^/?:\s]+")
TOO_OLD = said(
    "nothing here takes a token: is this the panel's address with its base path? "
    "A 3x-ui older than version 3 needs name and password"
)


class XuiApi:
    """Calls under one address, let in by a token or by the process's session there."""

    def __init__(self, address: PanelAddress, *, read_seconds: float) -> None:
        self._address = address
        self._base = address.base_url.rstrip("/") + "/"
        self._door: Door = door_of(address)
        self.calls = 0
        self.read_seconds = read_seconds
        self._session = OutsideSession(
            read_seconds=read_seconds, verify=address.verify_tls, max_bytes=MAX_ANSWER_BYTES
        )

    @property
    def is_let_in_by_token(self) -> bool:
        return bool(self._address.token) and not self._door.is_too_old_for_tokens

    @property
    def is_version_3(self) -> bool:
        """Whether the panel, as it let us in, has what came with version 3: tokens of either sort."""
        entry = self._door.entry
        return entry is not None and (entry.is_token or "X-CSRF-Token" in entry.headers)

    def get(self, path: str, **query: Any) -> Any:
        """GET and return what the envelope holds. Raises as `call`; an answer not the API's is PanelDown."""
        try:
            return self.call("GET", path, params=query)
        except AnswerOdd as odd:
            raise PanelDown(odd.sentence) from odd

    def post(self, path: str, **arguments: Any) -> Any:
        """POST and return what the envelope holds. Never repeated here but for a session that was over."""
        return self.call("POST", path, **arguments)

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Make one call as somebody logged in, and return the `obj` of its envelope.

        Raises AnswerLost if nothing came back, RouteMissing, PanelDown if the panel cannot be reached or lets
        nobody in, and what `open_envelope` raises.
        """
        known = self._door.entry
        entry = known or self._enter(None)
        answer = self._send(method, path, entry, arguments)
        if self._is_shut(answer, method, entry) and (entry is known or entry.is_token):
            again = self._enter(entry)
            if again is not entry:  # once: what is shut now stays shut
                answer = self._send(method, path, again, arguments)
        call = _without_secret(f"{method} {path.split('?')[0]}")
        if answer.status == 404:
            if self.is_let_in_by_token:
                text = said(
                    "%(call)s: 404, the panel has no such route or does not take our token", call=call
                )
            else:
                text = said("%(call)s: 404, the panel has no such route", call=call)
            raise RouteMissing(text)
        if answer.status == 401:
            raise PanelDown(
                REFUSED_TOKEN if self.is_let_in_by_token else said("%(call)s: 401 after the login", call=call)
            )
        return open_envelope(call, answer)

    def ask_for_csrf(self) -> tuple[str, dict[str, str]] | None:
        """Return the token against forgery and the cookies it belongs to; None on version 2."""
        answer = self._repeatable("GET", "csrf-token", headers=HEADERS)
        if answer.status == 429 or answer.status >= 500:
            raise PanelDown(f"GET csrf-token: {answer.status}")
        if answer.status == 403:
            raise PanelRefused(said("%(call)s: the panel refuses this host name", call="GET csrf-token: 403"))
        body = answer.body if isinstance(answer.body, dict) else {}
        token = body.get("obj")
        if answer.status != 200 or body.get("success") is not True or not isinstance(token, str):
            return None
        return token, cookies_of(answer)

    def close(self) -> None:
        self._session.close()

    @staticmethod
    def _is_shut(answer: Answer, method: str, entry: Entry) -> bool:
        return answer.status in SHUT or (answer.status == 403 and method != "GET" and not entry.is_token)

    def _enter(self, old: Entry | None) -> Entry:
        """Return an entry other than `old`, waiting for whoever is making one. Raises PanelDown."""
        with self._door.lock:
            if self._door.entry is not None and self._door.entry is not old:
                return self._door.entry
            if self.is_let_in_by_token:
                entry = self._entry_by_token(old)
            else:
                self._door.entry = None
                entry = self._log_in(self.ask_for_csrf())
            self._door.entry = entry
            return entry

    def _entry_by_token(self, old: Entry | None) -> Entry:
        """A token that was not taken is no use, unless the panel has never heard of tokens."""
        if old is None:
            return Entry({**HEADERS, "Authorization": f"Bearer {self._address.token}"}, is_token=True)
        csrf = self.ask_for_csrf()
        if csrf is not None:
            return old
        if not self._address.password:
            raise PanelDown(TOO_OLD, permanent=True)
        self._door.is_too_old_for_tokens = True
        return self._log_in(csrf)

    def _log_in(self, csrf: tuple[str, dict[str, str]] | None) -> Entry:
        if self._door.is_refused:
            raise PanelDown(self._refused, permanent=True)
        token, cookies = csrf or ("", {})
        headers = dict(HEADERS)
        if token:
            headers |= {"X-CSRF-Token": token, "Cookie": cookie_header(cookies)}
        answer = self._repeatable("POST", "login", headers=headers, data=self._form())
        body = answer.body if isinstance(answer.body, dict) else {}
        if answer.status != 200 or not isinstance(body.get("success"), bool):
            raise PanelDown(
                said(
                    "%(call)s: is this address a 3x-ui panel's, with its base path?",
                    call=f"POST login: {answer.status}",
                )
            )
        if not body["success"]:
            self._door.refused_at = time.monotonic()
            raise PanelDown(self._refused, permanent=True)
        cookies |= cookies_of(answer)
        return Entry(headers | {"Cookie": cookie_header(cookies)})

    @property
    def _refused(self) -> Sentence:
        return REFUSED_CODE if self._address.totp_secret else REFUSED

    def _form(self) -> dict[str, str]:
        form = {"username": self._address.username, "password": self._address.password}
        if self._address.totp_secret:
            try:
                form["twoFactorCode"] = fresh_code(self._address.totp_secret)
            except ValueError as wrong:
                raise PanelDown(str(wrong), permanent=True) from wrong
        return form

    def _send(self, method: str, path: str, entry: Entry, arguments: dict[str, Any]) -> Answer:
        send = self._repeatable if method == "GET" else self._once
        return send(method, path, headers=entry.headers, **arguments)

    def _repeatable(self, method: str, path: str, **arguments: Any) -> Answer:
        try:
            return self._once(method, path, **arguments)
        except AnswerLost as lost:
            if not lost.was_quick:
                raise
            return self._once(method, path, **arguments)

    def _once(self, method: str, path: str, **arguments: Any) -> Answer:
        began = time.monotonic()
        self.calls += 1
        try:
            route = f"/…/{_without_secret(path)}"  # the base path is a secret too
            return self._session.call(method, self._base + path, route=route, **arguments)
        except OutcomeUnknown as failed:
            lost = AnswerLost(failed.sentence)
            lost.was_quick = time.monotonic() - began < STALE_CONNECTION_SECONDS
            raise lost from failed
        except ServiceUnreachable as failed:
            raise PanelDown(failed.sentence) from failed
        except OutsideError as failed:
            raise PanelRefused(failed.sentence, permanent=failed.permanent) from failed


def _without_secret(words: str) -> str:
    return SECRET_IN_PATH.sub(r"\1…", words)


def segment(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")
