"""Months counted from a day: the 31st, the last day where a month has no 31st, and the 31st again."""

import calendar
from datetime import UTC, datetime


def month_after(anchor: datetime, number: int) -> datetime:
    """Return the same time of day so many months after `anchor`, in UTC, clipped to the month's end."""
    anchor = anchor.astimezone(UTC)
    years, month = divmod(anchor.month - 1 + number, 12)
    year = anchor.year + years
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def next_month(anchor: datetime, after: datetime) -> datetime:
    """Return the first of the months counted from `anchor` that begins later than `after`."""
    anchor, after = anchor.astimezone(UTC), after.astimezone(UTC)
    number = max((after.year - anchor.year) * 12 + after.month - anchor.month, 1)
    found = month_after(anchor, number)
    return found if found > after else month_after(anchor, number + 1)
