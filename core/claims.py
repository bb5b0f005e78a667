"""The one way to work off rows: take a lease, call out, record only if the lease still holds.

1. `claim` marks up to `limit` free rows with a fresh token by one conditional UPDATE. Two processes
   that ask at once never get the same row: the second one's UPDATE sees the first one's mark, on
   PostgreSQL and SQLite alike (`skip_locked` would be ignored silently by SQLite).
2. The caller's transaction is over before anything outside is called.
3. `record` writes results only where the token still stands. A process that was too slow finds
   that another one holds the row, and its result is dropped.
A process that dies leaves a lease that runs out; the next sweep takes the row again.
"""

import uuid
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q, QuerySet

from core import clock


class Claimable(models.Model):
    """A row that is worked off under a lease."""

    claim_token = models.UUIDField(null=True, editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Claimable)


def free(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Return those of `rows` that no live lease holds."""
    return rows.filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=clock.now()))


def claim(rows: QuerySet[Row], *, limit: int, lease_seconds: float) -> list[Row]:
    """Lease up to `limit` of `rows`, in their order, and return them re-read.

    `lease_seconds` is the longest call plus 10 s. Must not run inside a transaction that stays open.
    `rows` joins no table: what PostgreSQL updates through a join it does not look at again after a wait.
    """
    token = uuid.uuid4()
    keys = list(free(rows).values_list("pk", flat=True)[:limit])
    if not keys:
        return []
    # `rows` again in the WHERE: a row that stopped to qualify meanwhile is not taken.
    free(rows.order_by().filter(pk__in=keys)).update(
        claim_token=token, claimed_until=clock.now() + timedelta(seconds=lease_seconds)
    )
    taken = {row.pk: row for row in rows.model._default_manager.filter(pk__in=keys, claim_token=token)}
    return [taken[key] for key in keys if key in taken]


def record(row: Claimable, **values: Any) -> bool:
    """Write `values` and give the lease back, if it is still ours; tell whether it was."""
    hit = (
        type(row)
        ._default_manager.filter(pk=row.pk, claim_token=row.claim_token)
        .update(claim_token=None, claimed_until=None, **values)
    )
    return bool(hit)


def prolong(row: Claimable, *, lease_seconds: float) -> bool:
    """Hold the row for `lease_seconds` from now, if the lease is still ours; tell whether it was."""
    hit = (
        type(row)
        ._default_manager.filter(pk=row.pk, claim_token=row.claim_token)
        .update(claimed_until=clock.now() + timedelta(seconds=lease_seconds))
    )
    return bool(hit)
