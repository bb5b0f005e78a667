"""Short coloured words of the back office."""

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString


def badge(tone: str, text: Any) -> SafeString:
    """Return a short text in the colour of its tone: success, info, warning, danger or none."""
    return format_html('<span class="bo-badge bo-{}">{}</span>', tone or "plain", text)
