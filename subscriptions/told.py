"""What an app says of the device it runs on, made fit to be kept."""

import re
from dataclasses import dataclass

from subscriptions.models.devices import LONGEST_WORD

# Apps make the id up as they like; what is none of this cannot be one.
HWID = re.compile(r"[A-Za-z0-9._:=+/{}~-]{6,64}")
CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Told:
    """What an app says of its device. `hwid` has the form of an id; the rest is only shown."""

    hwid: str
    platform: str = ""
    os_version: str = ""
    model: str = ""
    app: str = ""


def understood(hwid: str, *, platform: str, os_version: str, model: str, app: str) -> Told | None:
    """Return what an app said, shortened and without control characters; None if it told no usable id."""
    hwid = hwid.strip()
    if not HWID.fullmatch(hwid):
        return None
    platform, os_version, model, app = (spoken(word) for word in (platform, os_version, model, app))
    return Told(hwid, platform, os_version, model, app)


def spoken(word: str) -> str:
    """Return a word of an app as it may be kept and shown."""
    return CONTROL.sub(" ", word).strip()[:LONGEST_WORD].rstrip()
