"""Slow follow-ups: what a screen asks of the outside world after its update is decided, before it is shown.

They run outside any transaction, in threads of their own, and only for those few seconds a customer may
be kept waiting. Each is safe to repeat and to cut off: a sweep finishes what is left.
"""

from collections.abc import Iterable

from accounts.models import User
from billing import services as billing
from billing.models import Payment
from telegram_bot.numbers import number_in

UNSENT = (Payment.State.CREATED, Payment.State.SENDING)
# What is left of the ten seconds when the provider had time to answer.
READ_SECONDS = 8


def fetch_link(customer: User, argument: str) -> None:
    """Have the provider make the link of the customer's payment, if it has none yet."""
    _bring_up_to_date(_mine(customer, pk=number_in(argument) or 0, state__in=UNSENT))


def look_at_payment(customer: User, argument: str) -> None:
    """Ask the provider how the order of this payment stands. It is asked gently: see `check_payment`."""
    _bring_up_to_date(_mine(customer, order__payments__pk=number_in(argument) or 0))


def look_at_order(customer: User, argument: str) -> None:
    """Ask the provider how the customer's order stands."""
    _bring_up_to_date(_mine(customer, order=number_in(argument) or 0))


def _mine(customer: User, **which: object) -> Iterable[Payment]:
    """Return open payments of this payer only: anybody can forge a button's argument."""
    return list(Payment.objects.filter(order__payer=customer, state__in=Payment.OPEN).filter(**which))


def _bring_up_to_date(payments: Iterable[Payment]) -> None:
    for payment in payments:
        if payment.state in UNSENT:
            billing.send_payment(payment.pk, read_seconds=READ_SECONDS)
        else:
            billing.check_payment(payment.pk, asked_by="customer")
