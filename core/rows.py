"""Inserting a row that may be there already, without an error inside the transaction."""

from typing import Any, TypeVar

from django.db import models, router
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
