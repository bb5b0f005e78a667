"""Traffic by day: whoever takes in a panel's counter says here by how much it grew."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone

from core.retention import delete_in_batches
from vpnpanel.models import Access, AccessUsage

ROWS_A_STATEMENT = 500


def day_of(at: datetime) -> date:
    """Return the day of `at` in the installation's time zone."""
    return timezone.localtime(at, timezone.get_default_timezone()).date()


def note_growth(growth: Mapping[int, int], *, at: datetime) -> None:
    """Add bytes to what each access used on the day of `at`, and note when it was first used at all.

    `growth` says by access how much its counters grew. Called in the transaction that writes the counters:
    both are kept, or neither. At most three statements for each 500 accesses that grew, none if none did.
    """
    grown = sorted((access_id, size) for access_id, size in growth.items() if size > 0)
    day = day_of(at)
    for start in range(0, len(grown), ROWS_A_STATEMENT):
        rows = grown[start : start + ROWS_A_STATEMENT]
        _add(rows, day)
        _note_first_use([access_id for access_id, _ in rows], at)


def _add(rows: Iterable[tuple[int, int]], day: date) -> None:
    """Insert the rows or add to them, in one statement. No writer overwrites another's sum; all writers take
    the rows in the order of their accesses, so that two never wait for each other."""
    values = [value for access_id, size in rows for value in (access_id, day, size)]
    table = connection.ops.quote_name(AccessUsage._meta.db_table)
    places = ", ".join(["(%s, %s, %s)"] * (len(values) // 3))
    # The ORM's own upsert can put the new value in place of the old one, and not add to it.
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (access_id, day, bytes) VALUES {places} "
            f"ON CONFLICT (access_id, day) DO UPDATE SET bytes = {table}.bytes + EXCLUDED.bytes",
            values,
        )


def _note_first_use(access_ids: list[int], at: datetime) -> None:
    """An access another process holds is passed over, as waiting here for it, while it may wait for our
    counters, would be a deadlock; its next growth sets the time."""
    unused = Access.objects.filter(pk__in=access_ids, first_used_at__isnull=True).order_by("pk")
    free = list(unused.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
    if free:
        Access.objects.filter(pk__in=free).update(first_used_at=at)


def by_day(access_ids: Iterable[int], *, days: int, until: date) -> dict[int, list[tuple[date, int]]]:
    """Return by access the bytes of each of the `days` up to and with `until`, oldest first, 0 for none.

    One query.
    """
    keys, first = list(access_ids), until - timedelta(days=days - 1)
    rows = AccessUsage.objects.filter(access__in=keys, day__range=(first, until))
    found = {(row.access_id, row.day): row.bytes for row in rows}
    span = [first + timedelta(days=number) for number in range(days)]
    return {key: [(day, found.get((key, day), 0)) for day in span] for key in keys}


def remove_days(before: datetime) -> int:
    """Delete what is kept of days before then."""
    return delete_in_batches(AccessUsage.objects.filter(day__lt=day_of(before)))
