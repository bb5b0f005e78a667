"""Who asks: the app, and the device it says it is on.

Headers as Happ, v2RayTun and others send them; only the id is required.
"""

import re

from django.http import HttpRequest

from subscriptions.told import Told, spoken, understood

# Messengers look at links that are pasted into a chat: nobody has connected by that.
PREVIEWS = re.compile(r"bot\b|whatsapp|facebookexternalhit|preview", re.I)


def app_of(request: HttpRequest) -> str:
    """Return what the app calls itself, as it may be kept."""
    return spoken(_said(request, "user-agent"))


def is_preview(request: HttpRequest) -> bool:
    return bool(PREVIEWS.search(request.headers.get("user-agent", "")))


def device_of(request: HttpRequest) -> Told | None:
    """Return what the app says of its device; None if it tells no usable id."""
    return understood(
        _said(request, "x-hwid"),
        platform=_said(request, "x-device-os"),
        os_version=_said(request, "x-ver-os"),
        model=_said(request, "x-device-model"),
        app=app_of(request),
    )


def _said(request: HttpRequest, name: str) -> str:
    """Return a header as it was meant: apps write names in UTF-8, and servers read each byte as a letter."""
    said = request.headers.get(name, "")
    try:
        return said.encode("latin-1").decode()
    except UnicodeError:
        return said
