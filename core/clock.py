"""Time. Everything is aware and in UTC; periods are whole days of 86,400 seconds."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

DAY = timedelta(seconds=86_400)


def now() -> datetime:
    """Return this process's time, aware, in UTC."""
    return timezone.now()


def database_now() -> datetime:
    """Return the database's time: the one clock by which access ends for everybody."""
    if connection.vendor != "postgresql":
        return now()  # SQLite runs inside this process
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        value: datetime = cursor.fetchone()[0]
    return value.astimezone(UTC)
