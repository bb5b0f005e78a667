"""What the auditor reads of the shop's money. Imported by tests.proof.books, in its process."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Min, Sum
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from billing.models import Decision, JournalEntry, Notice, Order, Payment, ProviderAccount, Refund
from core import clock
from notifications.models import OutboxMessage
from subscriptions.models import Grant, Plan, Subscription, TakeBack
from vpnpanel.models import Access
from vpnservice.demo.database import open_till

SWEEPS = ("billing.tasks.sweep_payments", "billing.tasks.sweep_nightly")
# Longer than a process that lives holds a row, in a storm whose calls hang for a second or two.
LEASE_SECONDS = 10.0
# When each lease was first seen, by the monotonic clock.
_SEEN: dict[Any, float] = {}
WAITING = (Access, OutboxMessage, Payment, Notice, Order, Refund)


def shelf() -> dict[str, Any]:
    """Open the till; return it, the plans on sale, and what stands against selling them."""
    trouble = open_till()
    plans = Plan.objects.filter(is_open=True, is_trial=False, prices__isnull=False)
    return {
        "plans": sorted(set(plans.values_list("pk", flat=True))),
        "till": ProviderAccount.objects.get().pk,
        "trouble": trouble,
    }


def unfinished_money() -> dict[str, int]:
    """Count what is still on its way. Payments that nobody has paid are on their way too."""
    return {
        "notices": Notice.objects.filter(state=Notice.State.RECEIVED).count(),
        "payments": Payment.objects.filter(state__in=Payment.OPEN).count(),
        "paid orders": Order.objects.filter(state=Order.State.PAID).count(),
        "refunds": Refund.objects.filter(state__in=Refund.OPEN).count(),
    }


def money() -> dict[str, Any]:
    """Return everything that was ordered, paid, booked and given."""
    return {
        "orders": list(Order.objects.values("id", "state", "payer__telegram_id", "days", "subscription")),
        "payments": [
            {**row, "key": str(row["key"]), "received_amount": str(row["received_amount"])}
            for row in Payment.objects.values(
                "key", "remote_id", "state", "booked_as", "order", "received_amount"
            )
        ],
        "journal": [
            [*row[:-1], str(row[-1])]
            for row in JournalEntry.objects.values_list(
                "fact", "debit", "credit", "payment__remote_id", "amount"
            )
        ],
        "grants": list(Grant.objects.values("source", "seconds", "subscription")),
        "taken": list(
            TakeBack.objects.filter(state=TakeBack.State.TAKEN)
            .values("grant__source")
            .annotate(seconds=Sum("seconds"))
        ),
        "holders": _holders(),
        "told": list(OutboxMessage.objects.filter(kind="order_fulfilled").values_list("dedupe_key", "state")),
        "questions": list(Decision.objects.values_list("kind", "state", "fact")),
    }


def _holders() -> dict[int, dict[str, Any]]:
    """Return when each customer's subscription began, by Telegram id, and whether they may get through."""
    rows = Subscription.objects.annotate(began=Min("grants__created_at")).select_related("user", "access")
    return {
        row.user.telegram_id or 0: {
            "id": row.pk,
            "began": row.began.timestamp(),
            "end": row.expires_at.timestamp(),
            "is_wanted": row.access.is_wanted(clock.now()),
        }
        for row in rows
    }


def end_waiting() -> int:
    """Let pauses end now, and leases that a killed process must have left, as they would in a minute or two.

    Never a young lease: a second process would work beside the first, which leases of minutes do not allow.
    """
    now, ended = clock.now(), end_pauses()
    for model in WAITING:
        leased = model._default_manager.filter(claimed_until__gt=now)
        left = _long_seen(leased.values_list("claim_token", flat=True))
        ended += leased.filter(claim_token__in=left).update(claimed_until=now)
    return ended


def end_pauses() -> int:
    """Let what has failed be tried again now, and not in some minutes."""
    now = clock.now()
    return sum(
        model._default_manager.filter(next_try_at__gt=now).update(next_try_at=now) for model in WAITING
    )


def _long_seen(tokens: Iterable[Any]) -> list[Any]:
    """Return those of the tokens that were shown to us LEASE_SECONDS ago already."""
    now = time.monotonic()
    return [token for token in tokens if now - _SEEN.setdefault(token, now) > LEASE_SECONDS]


def compared() -> float:
    """Return when the last comparison with the provider's books began that has ended, in Unix seconds."""
    began = ProviderAccount.objects.get().listed_until
    return began.timestamp() if began else 0.0


def sweep_often() -> int:
    """Compare with the provider's books every few seconds, not every hour and every night."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=10, period="seconds")
    changed = PeriodicTask.objects.filter(task__in=SWEEPS).update(
        crontab=None, interval=interval, expire_seconds=10
    )
    PeriodicTasks.update_changed()
    return changed


WORDS: dict[str, Callable[[], Any]] = {
    each.__name__: each for each in (shelf, money, end_waiting, end_pauses, compared, sweep_often)
}
