"""What syncs found, in words for staff and for the command line."""

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.staff import size

FIELDS = {
    "enabled": gettext_lazy("lets in"),
    "end": gettext_lazy("end"),
    "limit": gettext_lazy("limit"),
    "inbounds": gettext_lazy("inbounds"),
    "has keys": gettext_lazy("has a key that works"),
    "own keys": gettext_lazy("has the keys the shop gave it"),
    "whole": gettext_lazy("all parts are there"),
    "status": gettext_lazy("status"),
    "used": gettext_lazy("used"),
    "note": gettext_lazy("note"),
}


def field_word(name: str) -> str:
    return str(FIELDS.get(name, name))


def value_word(name: str, value: Any) -> str:
    """Return one value as people read it: times in UTC, amounts of bytes in their unit."""
    if value is True:
        return _("yes")
    if value is False:
        return _("no")
    if name == "end":
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}" if value else _("none")
    if name == "limit":
        return size(value) if value else _("none")
    if name == "used":
        return size(value or 0)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {', '.join(map(str, tags)) or '–'}" for key, tags in value.items())
    return str(value)


def difference_words(details: dict[str, list[Any]]) -> list[str]:
    """Return a sentence for each field that differs: what the panel shows, and what the shop wants."""
    return [
        _("%(field)s: %(shown)s there, %(wanted)s wanted")
        % {
            "field": field_word(name),
            "shown": value_word(name, shown),
            "wanted": value_word(name, wanted),
        }
        for name, (shown, wanted) in details.items()
    ]
