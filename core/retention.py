"""Old rows go by a table that staff may edit: one registered sweep and one number of days per kind."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, QuerySet

from core import clock
from core.models import RetentionRule

BATCH = 200  # rows a transaction: SQLite blocks every other writer meanwhile

SWEEPS: dict[str, Callable[[datetime], int]] = {}


def register(key: str, sweep: Callable[[datetime], int]) -> None:
    """Make `sweep(before)` the one that removes or empties rows of `key`; it returns how many."""
    SWEEPS[key] = sweep


def delete_in_batches(rows: "QuerySet[Model]") -> int:
    """Delete `rows` in short transactions and return how many there were."""
    removed = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        removed += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return removed


def empty_in_batches(rows: "QuerySet[Model]", **values: Any) -> int:
    """Overwrite columns of `rows` in short transactions, until none is left, and return how many there were.

    `rows` must no longer contain a row once it has the new values.
    """
    emptied = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        emptied += rows.model._default_manager.filter(pk__in=keys).update(**values)
    return emptied


def sweep_all() -> dict[str, int]:
    """Apply every rule once and return how many rows each removed."""
    removed: dict[str, int] = {}
    for rule in RetentionRule.objects.all():
        sweep = SWEEPS.get(rule.key)
        if sweep is None:
            continue
        removed[rule.key] = sweep(clock.now() - timedelta(days=rule.days))
        RetentionRule.objects.filter(pk=rule.pk).update(swept_at=clock.now(), swept_rows=removed[rule.key])
    return removed
