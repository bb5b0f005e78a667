"""From paid to given. What fails here leaves the money booked, says why, and is tried again."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from accounts import services as accounts
from accounts.models import User
from billing import fulfilment
from billing.fulfilment import Outcome
from billing.models import Decision, JournalEntry, Order, Payment
from billing.services.asking import ask
from billing.services.events import Kind, note_event
from billing.services.journal import book
from core import clock
from core.claims import claim, record
from core.errors import InvalidTransition
from notifications.services import tell, tell_staff
from subscriptions.models import Subscription

log = logging.getLogger(__name__)

State = Order.State
Account = JournalEntry.Account

LEASE_SECONDS = 30
BATCH = 50
LONGEST_WAIT = timedelta(minutes=5)
MOST_COUNTED = 10_000  # a month of tries: what counts them need not be larger
STUCK_AFTER = timedelta(minutes=5)
# A change this long after the purchase is another matter than the purchase.
SAME_CHANGE = timedelta(minutes=1)
# Not the lease, which is not guarded by the payer's lock.
SETTLED = ("state", "next_try_at", "fulfilment_error")


def pay_order(order: Order, payment: Payment, payer: User, *, actor: str) -> None:
    """Mark the order as paid by a payment that is booked, and give what was bought.

    In the transaction of the caller, who holds the payer. Raises InvalidTransition.
    """
    if not order.may_become(State.PAID):
        raise InvalidTransition(f"order {order.pk} is {order.state}")
    order.state, order.paid_at = State.PAID, clock.now()
    order.next_try_at = order.paid_at
    order.save(update_fields=["state", "paid_at", "next_try_at"])
    accounts.note(
        payer,
        "order.paid",
        actor=actor,
        subject=order.subject,
        data={"plan": order.plan_name_en, "amount": f"{payment.received_amount}", "payment": payment.pk},
    )
    fulfil_or_note_why(order, payment, actor=actor)


def fulfil_or_note_why(order: Order, payment: Payment, *, actor: str) -> bool:
    """Give what a paid order bought; tell whether that is settled now, given or refused.

    Whatever fails is undone to here and no further: the money stays booked, the order says why, and
    `retry_due` comes back to it. In the transaction of the caller, who holds the payer.
    """
    try:
        with transaction.atomic():
            _settle(order, payment, fulfilment.fulfil(order, actor=actor), actor=actor)
    except Exception as failed:  # a defect in what is sold must never undo the money that came for it
        log.exception("order %s is paid but not given", order.pk)
        _note_failure(order, failed)
        return False
    return True


def retry_due() -> int:
    """Try again to give what is paid for; returns how many orders were settled."""
    due = Order.objects.filter(state=State.PAID, next_try_at__lte=clock.now()).order_by("next_try_at")
    settled = 0
    for order in claim(due, limit=BATCH, lease_seconds=LEASE_SECONDS):
        settled += give_now(order.pk, actor="schedule")
        record(order)
    return settled


@transaction.atomic
def give_now(order_id: int, *, actor: str) -> bool:
    """Try once more to give what a paid order bought; tell whether it is settled now. Safe to repeat."""
    payer_id = Order.objects.values_list("payer_id", flat=True).get(pk=order_id)
    accounts.lock_customer(payer_id)
    order = Order.objects.select_related("payer", "receiver").get(pk=order_id)
    if order.state != State.PAID:
        return order.state in (State.FULFILLED, State.REFUSED)
    payment = order.payments.select_related("account").get(booked_as=Payment.Booked.ORDER)
    return fulfil_or_note_why(order, payment, actor=actor)


def not_active(paid_before: datetime) -> QuerySet[Order]:
    """Return orders paid before then whose access does not work yet: not given, or not on a panel."""
    # Two small sets, each found by an index: one filter for both would read every order there is.
    not_given = Order.objects.filter(state=State.PAID).order_by()
    on_its_way = Order.objects.filter(
        state=State.FULFILLED,
        subscription__in=Subscription.objects.filter(access__is_dirty=True),
        fulfilled_at__gte=F("subscription__access__changed_at") - SAME_CHANGE,
    ).order_by()
    found = not_given.values("pk").union(on_its_way.values("pk"))
    return Order.objects.filter(pk__in=found, paid_at__lt=paid_before)


def alert_stuck() -> int:
    """Tell staff, once for each order, what was paid over five minutes ago and does not work yet."""
    stuck = not_active(clock.now() - STUCK_AFTER).filter(alerted_at__isnull=True).order_by("paid_at")
    told = 0
    for order_id in list(stuck.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            if Order.objects.filter(pk=order_id, alerted_at__isnull=True).update(alerted_at=clock.now()):
                tell_staff(
                    "order_stuck", dedupe_key=f"order_stuck:{order_id}", context={"order_id": order_id}
                )
                log.error("order %s is paid but not active", order_id)
                told += 1
    return told


def _settle(order: Order, payment: Payment, outcome: Outcome, *, actor: str) -> None:
    order.next_try_at, order.fulfilment_error = None, ""
    if outcome.subscription_id is None:
        _refuse(order, payment, outcome.refusal, actor=actor)
        return
    order.state, order.fulfilled_at = State.FULFILLED, clock.now()
    order.subscription_id = outcome.subscription_id
    order.save(update_fields=[*SETTLED, "fulfilled_at", "subscription_id"])
    _book_from_prepaid(order, payment, f"sale:{order.subject}", to=Account.SALES, actor=actor)
    note_event(payment, Kind.FULFILLED, text=order.subject, actor=actor)
    tell(
        order.payer,
        "order_fulfilled",
        dedupe_key=f"order_fulfilled:{order.pk}",
        context={"order_id": order.pk},
    )


def _refuse(order: Order, payment: Payment, refusal: str, *, actor: str) -> None:
    """The money becomes the payer's credit; whether it goes back is for the rules or staff to say."""
    order.state, order.refusal = State.REFUSED, refusal[:300]
    order.save(update_fields=[*SETTLED, "refusal"])
    _book_from_prepaid(order, payment, f"refused:{order.subject}", to=Account.CREDIT, actor=actor)
    payment.booked_as = Payment.Booked.CREDIT
    payment.save(update_fields=["booked_as"])
    note_event(payment, Kind.FULFILLED, text=f"refused: {refusal}", actor=actor)
    about = {"customer": order.payer, "order": order, "payment": payment}
    ask(Decision.Kind.REFUSED_ORDER, order.subject, details={"why": refusal}, **about)
    tell(order.payer, "order_refused", dedupe_key=f"order_refused:{order.pk}", context={"order_id": order.pk})


def _book_from_prepaid(
    order: Order, payment: Payment, fact: str, *, to: JournalEntry.Account, actor: str
) -> None:
    """Move what is still there: a part may have gone back in the provider's cabinet."""
    assert payment.received_amount is not None
    book(
        fact,
        debit=Account.PREPAID,
        credit=to,
        amount=payment.received_amount - payment.refunded_amount,
        currency=payment.received_currency,
        customer=order.payer,
        order=order,
        payment=payment,
        actor=actor,
    )


def _note_failure(order: Order, failed: Exception) -> None:
    tries = Order.objects.values_list("fulfilment_tries", flat=True).get(pk=order.pk) + 1
    wait = min(timedelta(seconds=2 ** min(tries, 10)), LONGEST_WAIT)
    Order.objects.filter(pk=order.pk).update(
        fulfilment_error=f"{type(failed).__name__}: {failed}"[:2000],
        fulfilment_tries=min(tries, MOST_COUNTED),
        next_try_at=clock.now() + wait,
    )
    order.refresh_from_db()
