"""Writing rows where the ORM has no statement for it: one that may be there already, and many at once."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connections, models, router
from django.db.models.constants import OnConflict

Row = TypeVar("Row", bound=models.Model)


def insert_missing(row: models.Model) -> bool:
    """Insert the row and set its key, unless one with the same unique key is there; tell whether it was new.

    `bulk_create(ignore_conflicts=True)` does not say which of the two happened, and reads no key back.
    """
    manager: Any = type(row)._base_manager
    fields = [field for field in row._meta.local_concrete_fields if not field.primary_key]
    for field in fields:
        setattr(row, field.attname, field.pre_save(row, add=True))
    found = manager._insert(
        [row],
        fields=fields,
        returning_fields=[row._meta.pk],
        using=router.db_for_write(type(row)),
        on_conflict=OnConflict.IGNORE,
    )
    if not found or found[0] is None:
        return False
    row.pk = found[0][0]
    row._state.adding, row._state.db = False, manager.db
    return True


UPDATED_AT_ONCE = 100  # SQLite takes 32,766 values a statement


def update_each(rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Write these fields of saved rows of one model, each row its own values, in one statement per 100 rows.

    `bulk_update` does the same with an expression per value: that takes five times as long to put together as
    the database needs to run it.
    """
    for start in range(0, len(rows), UPDATED_AT_ONCE):
        _update_each(rows[start : start + UPDATED_AT_ONCE], fields)


def _update_each(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    meta: Any = rows[0]._meta
    connection = connections[router.db_for_write(type(rows[0]))]
    quote = connection.ops.quote_name
    fields = [meta.pk, *(meta.get_field(name) for name in names)]
    columns = [quote(field.column) for field in fields]
    values = [
        field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in fields
    ]
    # PostgreSQL takes the columns' types from the first row; SQLite has none that could be wrong.
    typed = connection.vendor == "postgresql"
    first = ", ".join(f"%s::{field.db_type(connection)}" if typed else "%s" for field in fields)
    other = ", ".join(["%s"] * len(fields))
    listed = ", ".join(f"({first if number == 0 else other})" for number in range(len(rows)))
    table, key = quote(meta.db_table), columns[0]
    changes = ", ".join(f"{column} = given.{column}" for column in columns[1:])
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH given ({', '.join(columns)}) AS (VALUES {listed}) "
            f"UPDATE {table} SET {changes} FROM given WHERE {table}.{key} = given.{key}",
            values,
        )
