"""Slow follow-ups: what a screen asks of the outside world after its update is decided, before it is shown.

They run outside any transaction, in threads of their own, and only for those few seconds a customer may
be kept waiting. Each is safe to repeat and to cut off: a sweep finishes what is left.
"""

from django.db.models import QuerySet

from accounts.models import User
from billing import services as billing
from billing.models import Payment
from telegram_bot.numbers import number_in

State = Payment.State

# What is left of the ten seconds when the provider had time to answer.
READ_SECONDS = 8


def fetch_link(customer: User, argument: str) -> None:
    """Have the provider make the link of the customer's payment, if it has none yet."""
    unsent = _of(customer).filter(pk=number_in(argument) or 0, state__in=(State.CREATED, State.SENDING))
    for payment_id in unsent.values_list("pk", flat=True):
        billing.send_payment(payment_id, read_seconds=READ_SECONDS)


def look_at_payment(customer: User, argument: str) -> None:
    """Ask the provider how the order of this payment stands."""
    _look(_of(customer).filter(order__payments__pk=number_in(argument) or 0))


def look_at_order(customer: User, argument: str) -> None:
    """Ask the provider how the customer's order stands."""
    _look(_of(customer).filter(order=number_in(argument) or 0))


def _of(customer: User) -> QuerySet[Payment]:
    """Return payments of this payer only: anybody can forge a button's argument."""
    return Payment.objects.filter(order__payer=customer)


def _look(payments: QuerySet[Payment]) -> None:
    """What was not sent yet is left to the sweep: an impatient press must not make a provider busier."""
    sent = payments.filter(state__in=(State.PENDING, State.HELD))
    for payment_id in sent.values_list("pk", flat=True):
        billing.check_payment(payment_id, asked_by="customer")
