"""What a provider would say of a payment, and where the money lies."""

import itertools
from dataclasses import replace
from decimal import Decimal

from billing.models import JournalEntry, Order, Payment
from billing.providers.base import PaymentReport, Said
from billing.services.journal import balances
from tests.world import PaymentWorld

remote_numbers = itertools.count(1)


def report(payment: Payment, said: Said = Said.SUCCEEDED, **said_else: object) -> PaymentReport:
    """What the provider would say of this payment."""
    fresh = payment.remote_id or f"2f7a1c9e-000f-5001-9000-{next(remote_numbers):012}"
    plain = PaymentReport(
        remote_id=fresh,
        said=said,
        amount=payment.amount,
        currency=payment.currency,
        is_test=True,
        remote_account=PaymentWorld.shop_id,
        key=str(payment.key),
    )
    return replace(plain, **said_else)


def money_at(account: JournalEntry.Account, currency: str = "RUB") -> Decimal:
    return balances().get((account, currency), Decimal(0))


def reread(row: Payment | Order) -> Payment | Order:
    return type(row).objects.get(pk=row.pk)
