"""Getting in: one session per panel and process, one login at a time, and none again and again.

A cookie session is shared by all drivers of the process; whoever finds it over makes the next one while the
others wait. From version 3 on five failed logins lock the administrator out for a quarter of an hour, so a
refused login is not tried again for a while.
"""

import re
import time
from dataclasses import dataclass, field
from threading import Lock

from core.http import Answer
from vpnpanel.drivers.base import PanelAddress

REFUSED_LOGIN_SECONDS = 300

_COOKIE = re.compile(r"(?:^|,\s*)([!#$%&'*+.^_`|~\w-]+)=([^;,]*)")


@dataclass(frozen=True)
class Entry:
    """What lets a call in. `headers` carry a token, or a session's cookie and its token against forgery."""

    headers: dict[str, str]
    is_token: bool = False


@dataclass
class Door:
    """How this process gets into one panel under one set of credentials."""

    lock: Lock = field(default_factory=Lock)
    entry: Entry | None = None
    refused_at: float | None = None
    # A token was given, and the panel turned out to be too old for tokens.
    is_too_old_for_tokens: bool = False

    @property
    def is_refused(self) -> bool:
        return self.refused_at is not None and time.monotonic() - self.refused_at < REFUSED_LOGIN_SECONDS


DOORS: dict[tuple[str, ...], Door] = {}
_making = Lock()


def door_of(address: PanelAddress) -> Door:
    """Return the door that all drivers of this process share for the panel and these credentials."""
    key = (address.base_url, address.username, address.password, address.token, address.totp_secret)
    with _making:
        return DOORS.setdefault(key, Door())


def cookies_of(answer: Answer) -> dict[str, str]:
    """Return the cookies an answer sets. Several headers arrive joined by commas."""
    return dict(_COOKIE.findall(_header(answer, "set-cookie")))


def _header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers.items() if key.lower() == name), "")


def cookie_header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
