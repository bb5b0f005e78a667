"""Booking: the only code that writes the journal."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Sum, When
from django.db.models.functions import Coalesce

from accounts.models import User
from billing.models import JournalEntry
from core.rows import insert_missing

Account = JournalEntry.Account


def book(
    fact: str,
    *,
    debit: JournalEntry.Account,
    credit: JournalEntry.Account,
    amount: Decimal,
    currency: str,
    actor: str,
    customer: User | None = None,
    note: str = "",
    **about: Any,
) -> bool:
    """Move `amount` from `credit` to `debit`, once for each fact; tell whether it was booked now.

    `about` names the rows it concerns: account, order, payment, refund. In the caller's transaction.
    """
    entry = JournalEntry(
        fact=fact,
        debit=debit,
        credit=credit,
        amount=amount,
        currency=currency,
        customer=customer,
        actor=actor,
        note=note[:300],
        **about,
    )
    return insert_missing(entry)


def balances(
    *, since: datetime | None = None, before: datetime | None = None
) -> dict[tuple[str, str], Decimal]:
    """Return (account, currency) -> balance: debited minus credited. One query.

    Of all entries, or of those written since then and before then: such parts add up to the whole.
    """
    entries = JournalEntry.objects.order_by()
    if since is not None:
        entries = entries.filter(created_at__gte=since)
    if before is not None:
        entries = entries.filter(created_at__lt=before)
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    sums = entries.values_list("debit", "credit", "currency")
    for debit, credit, currency, total in sums.annotate(total=Sum("amount")):
        found[debit, currency] += total
        found[credit, currency] -= total
    return dict(found)


def credit_of(customer: User, currency: str) -> Decimal:
    """Return how much of the customer's money we hold for them. One query.

    To decide by it, lock the customer first.
    """
    entries = JournalEntry.objects.filter(customer=customer, currency=currency)
    mine = entries.filter(credit=Account.CREDIT) | entries.filter(debit=Account.CREDIT)
    signed = Case(When(credit=Account.CREDIT, then=F("amount")), default=-F("amount"))
    total: Decimal = mine.aggregate(total=Coalesce(Sum(signed), Decimal(0)))["total"]
    return total.quantize(Decimal("0.01"))
