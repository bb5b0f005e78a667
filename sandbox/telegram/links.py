"""Which addresses Telegram takes in buttons and links, and how it writes them back."""

from __future__ import annotations

import re

SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(.*)", re.DOTALL)
WEB = re.compile(
    r"(?P<user>[^/?#@]*@)?(?P<host>\[[0-9a-fA-F:.]+\]|[^/?#:\[\]\s]+)(?P<port>:\d+)?(?P<rest>[/?#]\S*)?"
)
OWN_SCHEMES = {"tg", "ton", "tonsite"}


class InvalidLink(ValueError):
    """Says why an address is refused, in the server's words."""


def checked_link(address: str) -> str:
    """Give the address as Telegram stores it: a scheme in front, a path behind the host.

    Raises InvalidLink for other schemes than http, https, tg and ton, and for hosts without a dot.
    """
    scheme, rest = split_scheme(address.strip())
    if scheme in OWN_SCHEMES:
        return f"{scheme}://{rest.removeprefix('//')}"
    if scheme not in ("http", "https"):
        raise InvalidLink("Unsupported URL protocol")
    found = WEB.fullmatch(rest.removeprefix("//"))
    if found is None:
        raise InvalidLink("Wrong HTTP URL" if rest.removeprefix("//") else "URL host is empty")
    host = found["host"].lower()
    if "." not in host and not host.startswith("["):
        raise InvalidLink("Wrong HTTP URL")
    path = found["rest"] or "/"
    slash = "" if path.startswith("/") else "/"
    return f"{scheme}://{found['user'] or ''}{host}{found['port'] or ''}{slash}{path}"


def split_scheme(address: str) -> tuple[str, str]:
    """Take the scheme off; `shop.example:8080/x` has a port, not a scheme."""
    found = SCHEME.fullmatch(address)
    if found is None or re.match(r"\d{1,5}(?![^/?#])", found[2]):
        return "http", address
    return found[1].lower(), found[2]


def is_link(address: str) -> bool:
    try:
        checked_link(address)
    except InvalidLink:
        return False
    return True
