"""Money that staff took themselves, in cash or by a transfer."""

import uuid
from decimal import Decimal

from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import services as accounts
from billing.errors import NotForSale
from billing.models import JournalEntry, Order, Payment, Provider
from billing.services.events import Kind, note_event
from billing.services.fulfilling import pay_order
from billing.services.journal import book
from billing.services.orders import Deal, open_order
from billing.services.quotes import held_by, kind_for
from core import clock, money
from core.errors import InvalidTransition
from subscriptions.models import Plan


class Method(models.TextChoices):
    """How staff were paid."""

    CASH = "cash", _("Cash")
    TRANSFER = "transfer", _("Bank transfer")
    OTHER = "other", _("Other")


@transaction.atomic
def book_by_hand(
    customer_id: int,
    *,
    plan_id: int,
    amount: Decimal,
    currency: str,
    method: Method,
    reason: str,
    form_uuid: uuid.UUID,
    actor: str,
) -> Order:
    """Book money that staff received for a plan, at the price they agreed on, and give the plan.

    Safe to repeat: one form books once. Any plan but a trial can be sold like this, also one that is not
    on sale. Raises NotForSale, InvalidTransition if the form booked something else already, and ValueError
    for no reason or an amount that cannot be.
    """
    if not reason.strip():
        raise ValueError("a reason is needed")
    amount = money.exact(amount, currency)
    if amount <= 0:
        raise ValueError("the amount must be more than nothing")
    customer = accounts.lock_customer(customer_id)
    booked = Payment.objects.filter(key=form_uuid).select_related("order").first()
    if booked is not None and booked.order is not None:
        return _same(booked.order, (customer_id, plan_id, amount, currency))
    plan = Plan.objects.filter(pk=plan_id, is_trial=False).first()
    if plan is None:
        raise NotForSale(f"plan {plan_id} cannot be sold")
    held = held_by(customer)
    order = open_order(customer, Deal(kind_for(held), plan, held, amount, currency), offer=None)
    payment = _receive(order, method=method, reason=reason.strip(), form_uuid=form_uuid, actor=actor)
    pay_order(order, payment, customer, actor=actor)
    return order


def _receive(order: Order, *, method: Method, reason: str, form_uuid: uuid.UUID, actor: str) -> Payment:
    """Book what the order costs as money that staff hold."""
    payment = Payment.objects.create(
        key=form_uuid,
        order=order,
        provider=Provider.MANUAL,
        state=Payment.State.SUCCEEDED,
        amount=order.amount,
        currency=order.currency,
        received_amount=order.amount,
        received_currency=order.currency,
        booked_as=Payment.Booked.ORDER,
        method=method,
        succeeded_at=clock.now(),
    )
    book(
        f"charge:manual:{form_uuid}",
        debit=JournalEntry.Account.CASH,
        credit=JournalEntry.Account.PREPAID,
        amount=order.amount,
        currency=order.currency,
        customer=order.payer,
        order=order,
        payment=payment,
        note=reason,
        actor=actor,
    )
    note_event(payment, Kind.BOOKED, text=reason, data={"method": method}, actor=actor)
    return payment


def _same(order: Order, wanted: tuple[int, int, Decimal, str]) -> Order:
    """Somebody who goes back to a form that was used must not take its order for another one."""
    if (order.payer_id, order.plan_id, order.amount, order.currency) != wanted:
        raise InvalidTransition(
            gettext("This form booked order %(number)d already; open it anew for another one.")
            % {"number": order.pk}
        )
    return order
