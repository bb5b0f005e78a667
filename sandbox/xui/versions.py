"""Versions of the panel, compared as numbers. What changed when is told where it is acted on."""

from __future__ import annotations

import re

Version = tuple[int, ...]

OLDEST: Version = (2, 6, 0)
# From here on clients are records of their own; the routes that wrote them into an inbound are gone.
CLIENTS: Version = (3, 1, 0)
# A development build is newer than every release.
DEVELOPMENT: Version = (99,)
DEFAULT = "3.5.0"
DEFAULT_LEGACY = "2.8.9"


def read_version(text: str) -> Version:
    """Read "2.8.9", "v2.8.9" or "dev+a1b2c3". Raises ValueError for others and for those before 2.6.0."""
    if text.startswith("dev+"):
        return DEVELOPMENT
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
    if found is None:
        raise ValueError(f"not a version of the panel: {text!r}")
    version = tuple(int(part) for part in found.groups())
    if version < OLDEST:
        raise ValueError(f"the stand-in knows versions from 2.6.0 on, not {text}")
    return version
