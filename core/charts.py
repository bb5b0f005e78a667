"""Small charts inside pages of the admin: an SVG in the page, nothing loaded from outside."""

from collections.abc import Sequence
from datetime import date

from django.template.defaultfilters import filesizeformat
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

BAR, GAP, HEIGHT, FOOT = 14, 4, 90, 16
LEAST = 2  # so that a day with little traffic is seen to have some


def daily_bars(days: Sequence[tuple[date, int]], *, label: str) -> SafeString:
    """Return one bar a day, whose size in bytes shows under the pointer; `label` is read out."""
    most = max((size for _, size in days), default=0) or 1
    bars = format_html_join(
        "",
        '<g><title>{}: {}</title><rect x="{}" y="0" width="{}" height="{}" fill="transparent"/>'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="2" fill="#3b82f6"/></g>',
        (_bar(number, day, size, most) for number, (day, size) in enumerate(days)),
    )
    width = len(days) * (BAR + GAP)
    first, last = (formats.date_format(day, "SHORT_DATE_FORMAT") for day in (days[0][0], days[-1][0]))
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" style="width:100%;max-width:640px;height:auto">'
        '{}<g fill="currentColor" font-size="11"><text x="0" y="{}">{}</text>'
        '<text x="{}" y="{}" text-anchor="end">{}</text></g></svg>',
        width,
        HEIGHT + FOOT,
        label,
        bars,
        HEIGHT + FOOT - 3,
        first,
        width,
        HEIGHT + FOOT - 3,
        last,
    )


def _bar(number: int, day: date, size: int, most: int) -> tuple[object, ...]:
    x, height = number * (BAR + GAP), max(round(size / most * HEIGHT), LEAST) if size else 0
    said = formats.date_format(day, "SHORT_DATE_FORMAT"), filesizeformat(size)
    return (*said, x, BAR + GAP, HEIGHT, x, HEIGHT - height, BAR, height)
