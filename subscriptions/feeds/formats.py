"""Which document an app gets: by the end of the address, else by what its User-Agent begins with."""

import re
from dataclasses import dataclass
from enum import StrEnum

from django.http import HttpRequest


class Format(StrEnum):
    """What a document is written in."""

    PAGE = "page"
    LIST = "list"
    MIHOMO = "mihomo"
    CLASH = "clash"  # as Mihomo, with what the first Clash knows
    SING_BOX = "sing-box"
    XRAY = "xray"


@dataclass(frozen=True)
class Wanted:
    """A format, and the version of it that the app speaks; (0, 0) if it does not say."""

    format: Format
    version: tuple[int, int] = (0, 0)


SUFFIXES = {
    "v2ray": Format.LIST,
    "clash-meta": Format.MIHOMO,
    "mihomo": Format.MIHOMO,
    "clash": Format.CLASH,
    "sing-box": Format.SING_BOX,
    "v2ray-json": Format.XRAY,
    "xray": Format.XRAY,
}
# The first that fits. What only begins like the first Clash comes after what knows more.
AGENTS = (
    (
        re.compile(
            r"clash-verge|clash[-. ]?meta|clashx[-. ]?meta|clash[-.]?mi|clash[-.]?nyanpasu|flclash|mihomo|"
            r"koala-clash|prizrak-box|sparkle|stash|.*\(prefer clashmeta format\)",
            re.IGNORECASE,
        ),
        Format.MIHOMO,
    ),
    (re.compile(r"sf[aimt]\b|sing-box|karing|nekobox|husi", re.IGNORECASE), Format.SING_BOX),
    (re.compile(r"clash", re.IGNORECASE), Format.CLASH),
)
SING_BOX_VERSION = re.compile(r"(?:sing-box[ /]v?|^sf[aimt]/)(\d{1,3})\.(\d{1,3})", re.IGNORECASE)


def wanted_by(request: HttpRequest, suffix: str) -> Wanted | None:
    """Return what to answer with; None if there is no such document.

    An address that names a format gets it; else a browser gets the page, and an app what it reads. Most apps
    read the list, so it is what any other gets.
    """
    agent = request.headers.get("User-Agent", "")[:200]
    if suffix:
        named = SUFFIXES.get(suffix)
        return Wanted(named, _version(named, agent)) if named else None
    if takes_pages(request):
        return Wanted(Format.PAGE)
    for pattern, known in AGENTS:
        if pattern.match(agent):
            return Wanted(known, _version(known, agent))
    return Wanted(Format.LIST)


def _version(known: Format, agent: str) -> tuple[int, int]:
    found = SING_BOX_VERSION.search(agent) if known == Format.SING_BOX else None
    return (int(found[1]), int(found[2])) if found else (0, 0)


def takes_pages(request: HttpRequest) -> bool:
    """Tell whether it asks for HTML by name: apps take `*/*`."""
    return any(
        kind.main_type == "text" and kind.sub_type == "html" and kind.quality > 0
        for kind in request.accepted_types
    )
