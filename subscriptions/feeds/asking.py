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
    return spoken(request.headers.get("user-agent", ""))


def is_preview(request: HttpRequest) -> bool:
    return bool(PREVIEWS.search(request.headers.get("user-agent", "")))


def device_of(request: HttpRequest) -> Told | None:
    """Return what the app says of its device; None if it tells no usable id."""
    told = request.headers.get
    return understood(
        told("x-hwid", ""),
        platform=told("x-device-os", ""),
        os_version=told("x-ver-os", ""),
        model=told("x-device-model", ""),
        app=app_of(request),
    )
