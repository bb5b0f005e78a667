"""The database as the migrations left it, kept beside itself, to put back what a test has changed.

Django would empty every table after a test that commits, and load the migrations' rows one by one before the
next: far longer than most such tests run. Here, only what differs is put back, by one statement per table.
"""

from collections.abc import Sequence

from django.db import connection, transaction


class Pristine:
    """Copies of the tables that have rows, taken once, in the same database."""

    def __init__(self) -> None:
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        filled = _those_where({table: f"EXISTS (SELECT 1 FROM {_quoted(table)})" for table in tables})
        with connection.cursor() as cursor:
            for table in filled:
                cursor.execute(f"CREATE TABLE {_kept(table)} AS SELECT * FROM {_quoted(table)}")
        self._filled = set(filled)
        self._changed = {table: self._differs(table) for table in tables}

    def _differs(self, table: str) -> str:
        now, kept = f"SELECT * FROM {_quoted(table)}", f"SELECT * FROM {_kept(table)}"
        if table not in self._filled:
            return f"EXISTS ({now})"
        return f"EXISTS ({now} EXCEPT {kept}) OR EXISTS ({kept} EXCEPT {now})"

    def put_back(self) -> None:
        """Make every table what it was. Numbers go on: a row never gets one that an earlier test has seen."""
        changed = _those_where(self._changed)
        # Foreign keys are checked at the end, so the order does not matter.
        with transaction.atomic(), connection.cursor() as cursor:
            for table in changed:
                cursor.execute(f"DELETE FROM {_quoted(table)}")
            for table in self._filled.intersection(changed):
                cursor.execute(f"INSERT INTO {_quoted(table)} SELECT * FROM {_kept(table)}")


def _those_where(conditions: dict[str, str]) -> Sequence[str]:
    parts = [f"SELECT '{table}' WHERE {condition}" for table, condition in conditions.items()]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return [table for (table,) in cursor.fetchall()]


def _quoted(table: str) -> str:
    return connection.ops.quote_name(table)


def _kept(table: str) -> str:
    return connection.ops.quote_name(f"kept_{table}")
