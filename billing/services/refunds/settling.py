"""What becomes of a refund: paid, tried again, left to staff, or failed. Its state moves only here."""

import logging
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from django.db import transaction
from django.db.models import Sum

from accounts import services as accounts
from accounts.models import User
from billing.errors import NoSuchRefund
from billing.models import Decision, JournalEntry, Order, Payment, Refund
from billing.providers.base import Hope, RefundReport, Said
from billing.services.accounts import explain_refund
from billing.services.asking import ask, withdraw
from billing.services.events import Kind, note_event
from billing.services.journal import book, credit_of
from billing.services.payments import lock_payment
from billing.services.refunds.figures import (
    access_share,
    account_of,
    amount_left,
    amount_of,
    customer_of,
    pays_for,
    require_money,
)
from core import clock
from core.errors import InvalidTransition
from notifications.services import tell
from subscriptions import services as subscriptions
from subscriptions.models import TakeBack

log = logging.getLogger(__name__)

Account = JournalEntry.Account
State = Refund.State

# With a key each, by what the provider's reason lets one hope for; anything else is final at once.
MOST_TRIES = {Hope.RETRY: 6, Hope.ANEW: 2}
SPENT = "the credit that went back was spent already"
# Between tries with new keys. The provider pays refunds out of the day's takings, so the last ones span days.
PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
# A pending refund is read back this long after it was sent, then every hour.
READ_AFTER = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 600, 1200, 2400))


@dataclass(frozen=True)
class Case:
    """A refund with the rows around it, read under the lock."""

    payment: Payment
    customer: User | None
    _refund: Refund | None = None

    @property
    def refund(self) -> Refund:
        assert self._refund is not None
        return self._refund

    def about(self, refund: Refund) -> "Case":
        refund.payment = self.payment
        return replace(self, _refund=refund)


def lock_payment_for_refund(payment_id: int) -> Case:
    """Lock whose money it is, and return payment and customer. Raises NoSuchPayment."""
    payment, payer = lock_payment(payment_id)
    customer = payer or customer_of(payment)
    if customer is not None and payer is None:
        customer = accounts.lock_customer(customer.pk)
    return Case(payment, customer)


def lock_refund(refund_id: int) -> Case:
    """Lock whose money it is, and return the refund as it is under the lock. Raises NoSuchRefund."""
    payment_id = Refund.objects.filter(pk=refund_id).values_list("payment_id", flat=True).first()
    if payment_id is None:
        raise NoSuchRefund(f"there is no refund {refund_id}")
    return lock_payment_for_refund(payment_id).about(Refund.objects.get(pk=refund_id))


@transaction.atomic
def apply_refund_state(refund_id: int, report: RefundReport, *, source: str) -> Refund:
    """Write down what the provider says of a refund of ours: the one door for answer, poll, notice and sweep.

    Safe to repeat and to run at once: what is settled stays so. A try the provider ended for a passing
    reason goes back to REQUESTED with a new key and a pause; one it will never pay waits for staff.
    Raises NoSuchRefund.
    """
    case = lock_refund(refund_id)
    refund = case.refund
    if _is_another(case, report):
        _put_to_staff(case, report)
        if refund.state in Refund.OPEN:
            move(refund, State(refund.state), next_try_at=clock.now() + READ_AFTER[-1])
        return refund
    if report.is_receipt_failed:
        ask_staff(case, Decision.Kind.RECEIPT_FAILED, refund.source)
    if report.said == Said.SUCCEEDED:
        if refund.state != State.SUCCEEDED:
            refund.remote_id = report.remote_id
            succeed(case, out_of=Account.PROVIDER, actor=source, data=report.raw)
        elif refund.remote_id != report.remote_id:
            _put_to_staff(case, report)  # staff paid it out, and now the provider has too
    elif refund.state not in Refund.OPEN:
        return refund
    elif report.said == Said.CANCELED:
        if report.key in ("", str(refund.key)):  # else of a try that is over: the present one goes on
            _canceled(case, report, source=source)
    elif report.said == Said.PENDING:
        _wait(case, report, source=source)
    else:
        log.error("refund %s: the provider says something unknown", refund.pk)
        move(refund, State(refund.state), next_try_at=clock.now() + READ_AFTER[-1], error="unknown state")
    return refund


def _is_another(case: Case, report: RefundReport) -> bool:
    refund = case.refund
    told = (report.amount, report.currency, report.remote_payment_id)
    is_late = bool(refund.remote_id) and refund.state in Refund.OPEN and refund.remote_id != report.remote_id
    return told != (refund.amount, refund.currency, case.payment.remote_id) or is_late


def _put_to_staff(case: Case, report: RefundReport) -> None:
    said = {"said": report.said, "amount": f"{report.amount} {report.currency}", "id": report.remote_id}
    ask_staff(case, Decision.Kind.CONTRADICTION, f"{case.refund.source}:{report.remote_id}", **said)
    log.error("refund %s is not believed as %s reports it", case.refund.pk, report.remote_id)


def ask_staff(case: Case, kind: Decision.Kind, fact: str, **details: str) -> None:
    """Put a question about the refund to staff, once for each fact."""
    ask(
        kind,
        fact,
        details=dict(details),
        customer=case.customer,
        order=case.payment.order,
        payment=case.payment,
        refund=case.refund,
    )


def _wait(case: Case, report: RefundReport, *, source: str) -> None:
    refund = case.refund
    is_new = refund.state != State.PENDING
    refund.remote_id = report.remote_id
    move(refund, State.PENDING, next_try_at=read_next(refund.first_sent_at), error="")
    if is_new:
        note_event(case.payment, Kind.REFUND, text="pending", data=report.raw, actor=source)


def read_next(sent_at: datetime | None) -> datetime:
    """Return when a pending refund is read next."""
    now = clock.now()
    reads = [(sent_at or now) + after for after in READ_AFTER]
    return next((at for at in reads if at > now), now + timedelta(hours=1))


def _canceled(case: Case, report: RefundReport, *, source: str) -> None:
    """The provider ended this try for good: another one with a new key may do, or staff must pay."""
    refund = case.refund
    refund.provider_reason = report.reason[:120]
    note_event(case.payment, Kind.REFUND, text=f"canceled: {report.reason}", data=report.raw, actor=source)
    hope = explain_refund(case.payment.provider, report.reason)[1]
    tries = max(refund.tries, 1)
    if tries < MOST_TRIES.get(hope, 1):
        again(refund, pause=PAUSES[min(tries, len(PAUSES)) - 1])
    else:
        leave_to_staff(case, why=report.reason)


def again(refund: Refund, *, pause: timedelta) -> None:
    """Let the next try begin after `pause`, with a key of its own: the last one is over for good."""
    refund.remote_id = ""
    move(
        refund,
        State.REQUESTED,
        key=uuid.uuid4(),
        request="",
        first_sent_at=None,
        next_try_at=clock.now() + pause,
    )


def leave_to_staff(case: Case, *, why: str) -> None:
    """The provider will not pay it: staff pay it out some other way, or give up."""
    refund = case.refund
    move(refund, State.MANUAL, next_try_at=None)
    said = {"why": why, "amount": f"{refund.amount} {refund.currency}"}
    ask_staff(case, Decision.Kind.REFUND_BY_HAND, by_hand_fact(refund), **said)


def by_hand_fact(refund: Refund) -> str:
    """Each try that ends so is a question of its own, so the key is part of it."""
    return f"{refund.source}:{refund.key}"


def succeed(
    case: Case, *, out_of: JournalEntry.Account, actor: str, data: dict[str, Any] | None = None
) -> None:
    """The money went back: book it, count it, and tell the customer."""
    refund, payment = case.refund, case.payment
    if refund.state == State.FAILED:
        _begin_anew(case, actor=actor)
    book(
        f"{refund.source}:paid",
        debit=Account.REFUNDS,
        credit=out_of,
        actor=actor,
        **_about(case),
    )
    move(refund, State.SUCCEEDED, next_try_at=None, finished_at=clock.now(), error="")
    count_refunded(case)
    follow_order(case)
    _close_question(case, reason="refunded")
    note_event(payment, Kind.REFUND, text="refunded", data=data, actor=actor)
    _note(case, "refund.succeeded", actor)
    _tell(case, "refund_succeeded")


def _begin_anew(case: Case, *, actor: str) -> None:
    """A refund we had given up went through after all: what was given back goes again."""
    refund, payment = case.refund, case.payment
    refund.taken_from = account_of(payment)
    book_asked(case, actor=actor, number=2)
    if is_overdrawn(case):
        ask_staff(case, Decision.Kind.CONTRADICTION, f"{refund.source}:spent", trouble=SPENT)
    share = access_share(payment, refund.amount, left=amount_left(payment)) if refund.takes_access else None
    if share is not None:
        take_access(case, seconds=share.asked, actor=actor, by=f"{refund.source}:2")


def is_overdrawn(case: Case) -> bool:
    """Tell whether the customer had spent the credit that a refund past us took."""
    if case.customer is None or case.refund.taken_from != Account.CREDIT:
        return False
    return credit_of(case.customer, case.refund.currency) < 0


def fail(case: Case, *, why: str, actor: str) -> None:
    """The money stays: it lies where it was, access comes back, and the customer hears of it."""
    refund = case.refund
    move(refund, State.FAILED, next_try_at=None, finished_at=clock.now(), error=why)
    follow_order(case)
    book(
        f"{refund.source}:failed:1",
        debit=Account.REFUNDS,
        credit=account_of(case.payment),
        actor=actor,
        **_about(case),
    )
    if refund.takes_access:
        subscriptions.give_back(by=refund.source, actor=actor, reason=why)
        _take_what_others_owe(case, actor=actor)
    _close_question(case, reason="failed")
    note_event(case.payment, Kind.REFUND, text=f"failed: {why}", actor=actor)
    _note(case, "refund.failed", actor)
    _tell(case, "refund_failed")


def _take_what_others_owe(case: Case, *, actor: str) -> None:
    """Several refunds may have taken the same access: those that still count keep their whole part of it."""
    payment, order = case.payment, case.payment.order
    assert order is not None, "access was given for an order"
    others = Refund.objects.filter(payment=payment, takes_access=True).exclude(state=State.FAILED)
    price, counts = require_money(payment), others.aggregate(total=Sum("amount"))["total"] or 0
    taken = TakeBack.objects.filter(grant__source=order.source, state=TakeBack.State.TAKEN)
    done = taken.aggregate(total=Sum("seconds"))["total"] or 0
    given = subscriptions.preview_take_back(source=order.source).total_seconds
    missing = floor(Fraction(min(counts, price)) / Fraction(price) * given) - done
    if missing > 0:
        take_access(case, seconds=missing, actor=actor, by=f"{case.refund.source}:rest")


def take_access(case: Case, *, seconds: int | None, actor: str, by: str = "") -> None:
    """Take so many seconds of what the payment bought, or all that is unused."""
    order = case.payment.order
    assert order is not None, "access was given for an order"
    subscriptions.take_back(
        source=order.source,
        by=by or case.refund.source,
        seconds=seconds,
        actor=actor,
        reason=case.refund.reason or "refunded",
    )


def book_asked(case: Case, *, actor: str, number: int = 1) -> None:
    """Set the money aside."""
    book(
        f"{case.refund.source}:asked:{number}",
        debit=Account(case.refund.taken_from),
        credit=Account.REFUNDS,
        actor=actor,
        **_about(case),
    )


def _about(case: Case) -> dict[str, Any]:
    refund, payment = case.refund, case.payment
    return {
        "amount": refund.amount,
        "currency": refund.currency,
        "customer": case.customer,
        "account": payment.account,
        "order": payment.order,
        "payment": payment,
        "refund": refund,
        "note": refund.reason,
    }


def move(refund: Refund, state: State, **values: Any) -> None:
    """Write the state, `values`, and what else the verbs here change. Not the lease: that is the worker's."""
    if refund.state != state and not refund.may_become(state):
        raise InvalidTransition(f"refund {refund.pk} is {refund.state}, it cannot become {state}")
    refund.state = state
    for name, value in values.items():
        setattr(refund, name, value)
    refund.save(update_fields=["state", "remote_id", "provider_reason", "taken_from", *values])


def count_refunded(case: Case) -> None:
    """Keep the payment's own sum of what went back. Never more than came in: the rest is put to staff."""
    payment, refund = case.payment, case.refund
    received, gone = require_money(payment), amount_of(payment, State.SUCCEEDED)
    payment.refunded_amount = min(gone, received)
    payment.save(update_fields=["refunded_amount"])
    if gone > received:
        said = {"received": f"{received}", "went back": f"{gone}"}
        ask_staff(case, Decision.Kind.CONTRADICTION, f"refunds:{payment.pk}:{refund.pk}", **said)


def follow_order(case: Case) -> None:
    """Keep the order's state in line with the money: refunded when all went back, and back if it failed.

    An order that is not given yet counts as refunded when all its money is on its way back: giving stops.
    """
    order = pays_for(case.payment)
    if order is None:
        return
    was_settled = order.fulfilled_at is not None or bool(order.refusal)
    counted = {State.SUCCEEDED} if was_settled else set(State) - {State.FAILED}
    is_refunded = amount_of(case.payment, *counted) >= require_money(case.payment)
    if is_refunded == (order.state == Order.State.REFUNDED):
        return
    state = Order.State.REFUNDED if is_refunded else _state_before(order)
    if order.may_become(state):
        order.state = state
        order.next_try_at = clock.now() if state == Order.State.PAID else None
        order.save(update_fields=["state", "next_try_at"])


def _state_before(order: Order) -> Order.State:
    if order.fulfilled_at is not None:
        return Order.State.FULFILLED
    return Order.State.REFUSED if order.refusal else Order.State.PAID


def _close_question(case: Case, *, reason: str) -> None:
    withdraw(Decision.Kind.REFUND_BY_HAND, by_hand_fact(case.refund), reason=reason)


def _note(case: Case, action: str, actor: str) -> None:
    refund = case.refund
    data = {"amount": f"{refund.amount}", "currency": refund.currency, "payment": case.payment.pk}
    accounts.note(case.customer, action, actor=actor, subject=refund.source, data=data)


def _tell(case: Case, kind: str) -> None:
    if case.customer is not None:
        tell(
            case.customer,
            kind,
            dedupe_key=f"{kind}:{case.refund.pk}",
            context={"refund_id": case.refund.pk},
        )
