"""Who may ask: logins, cookies, tokens against forged forms, bearer tokens, and how each version says no."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.xui.answers import envelope, fields_of, written
from sandbox.xui.errors import Denied
from sandbox.xui.panel import Door
from sandbox.xui.routes import Reply, Route
from sandbox.xui.totp import is_code

COOKIE = "3x-ui"
WELCOME = "You have successfully logged into your account."
WRONG_LOGIN = "Invalid username or password or two-factor code."
EXPIRED = "Your session has expired, please log in again"
OUT_OF_SCOPE = "this API token is not permitted to access this endpoint"
FAILURES, WITHIN_SECONDS, BLOCK_SECONDS = 5, 300, 900


@dataclass(slots=True)
class Session:
    """A cookie's memory. Anonymous until `login_at` (seconds); it ends a fixed time later, used or not."""

    csrf: str
    login_at: float | None = None


class Gate(Door):
    def routes(self) -> list[Route]:
        return [
            Route("POST", "login", self.login),
            Route("GET", "logout", self.logout, until=(3, 0, 0)),
            Route("POST", "logout", self.logout, since=(3, 0, 0)),
            Route("GET", "csrf-token", self.csrf_token, since=(3, 0, 0)),
        ]

    def forget(self) -> None:
        """End every session, and think of nobody as a guesser."""
        self.sessions: dict[str, Session] = {}
        self.failures: dict[tuple[str, str], list[float]] = {}
        self.blocked: dict[tuple[str, str], float] = {}

    def admit(self, request: web.Request, path: str) -> None:
        """Let the caller through to a route below panel/ or server/. Raises Denied."""
        if path.startswith("panel/") and self.has_token(request, path):
            return
        session = self.session(request)
        if session is None:
            raise self.not_logged_in(request)
        if request.method != "GET" and self.panel.since(3, 0, 0):
            self.require_csrf(request, session)

    def has_token(self, request: web.Request, path: str) -> bool:
        """Raises Denied for a token whose scope is too small."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if not self.panel.since(3, 0, 0) or scheme.lower() != "bearer" or not path.startswith("panel/api/"):
            return False
        now_ms = self.panel.now_ms
        for token in self.state.tokens:
            known = token["enabled"] and not 0 < token["expiresAt"] <= now_ms
            if known and hmac.compare_digest(token["token"].encode(), value.encode()):
                if token["scope"] != "admin" and request.method != "GET":
                    body = json.dumps({"success": False, "msg": OUT_OF_SCOPE})
                    raise Denied(403, body, "application/json")
                return True
        return False

    def session(self, request: web.Request) -> Session | None:
        """Give the session of who is logged in."""
        session = self.sessions.get(request.cookies.get(COOKIE, ""))
        if session is None or session.login_at is None:
            return None
        age = self.panel.clock.now() - session.login_at
        return session if 0 <= age < self.session_seconds else None

    @property
    def session_seconds(self) -> float:
        minutes = self.state.session_minutes
        return 60 * (minutes if minutes is not None else 360 if self.panel.since(2, 6, 5) else 60)

    def not_logged_in(self, request: web.Request) -> Denied:
        is_script = request.headers.get("X-Requested-With") == "XMLHttpRequest"
        if self.panel.since(3, 0, 2):
            return Denied(401 if is_script else 404)
        if self.panel.since(2, 8, 4):
            return Denied(404)
        if is_script:
            body = json.dumps({"success": False, "msg": EXPIRED, "obj": None})
            return Denied(401, body, "application/json")
        page = f'<a href="{self.state.base_path}">Temporary Redirect</a>.'
        return Denied(307, page, "text/html", location=self.state.base_path)

    def require_csrf(self, request: web.Request, session: Session) -> None:
        given = request.headers.get("X-CSRF-Token", "")
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise Denied(403)

    async def csrf_token(self, request: web.Request) -> web.Response:
        """Give the token of the caller's session, beginning one for who has none."""
        session = self.sessions.get(request.cookies.get(COOKIE, ""))
        if session is not None:
            return written({"success": True, "obj": session.csrf})
        session = Session(secrets.token_urlsafe(32))
        response = written({"success": True, "obj": session.csrf})
        self.hand_out(session, response)
        return response

    async def login(self, request: web.Request) -> web.Response:
        known = self.sessions.get(request.cookies.get(COOKIE, ""))
        if self.panel.since(3, 0, 0):
            if known is None:
                raise Denied(403)
            self.require_csrf(request, known)
        fields = await fields_of(request)
        who = (request.remote or "", str(fields.get("username", "")))
        if self.is_blocked(who) or not self.is_owner(fields):
            self.note_failure(who)
            return envelope(success=False, message=WRONG_LOGIN)
        self.failures.pop(who, None)
        # The welcome of 2.x begins with a blank: the user's name once stood before it.
        response = envelope(success=True, message=WELCOME if self.panel.since(3, 0, 0) else f" {WELCOME}")
        csrf = known.csrf if known is not None else secrets.token_urlsafe(32)
        self.hand_out(Session(csrf, self.panel.clock.now()), response)
        return response

    def is_owner(self, fields: dict[str, Any]) -> bool:
        state = self.state
        named = (fields.get("username"), fields.get("password")) == (state.username, state.password)
        return named and (not state.totp_secret or is_code(state.totp_secret, fields.get("twoFactorCode")))

    def is_blocked(self, who: tuple[str, str]) -> bool:
        return self.panel.since(3, 0, 0) and self.panel.clock.now() < self.blocked.get(who, 0)

    def note_failure(self, who: tuple[str, str]) -> None:
        now = self.panel.clock.now()
        recent = [at for at in self.failures.get(who, []) if now - at < WITHIN_SECONDS] + [now]
        self.failures[who] = recent
        if len(recent) >= FAILURES and not self.is_blocked(who):
            self.blocked[who] = now + BLOCK_SECONDS

    def hand_out(self, session: Session, response: web.Response) -> None:
        name = secrets.token_urlsafe(32)
        self.sessions[name] = session
        path = self.state.base_path if self.panel.since(2, 9, 0) else "/"
        age = int(self.session_seconds)
        response.set_cookie(COOKIE, name, path=path, max_age=age, httponly=True, samesite="Lax")

    async def logout(self, request: web.Request) -> Reply:
        self.sessions.pop(request.cookies.get(COOKIE, ""), None)
        return Reply()
