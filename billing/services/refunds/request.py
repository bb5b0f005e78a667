"""Asking for a refund: money set aside and access shortened at once; the provider hears of it later."""

import uuid
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import services as accounts
from billing.errors import NotEnoughCredit, NothingToRefund, RefundNotWhole, RefundTooLarge
from billing.models import JournalEntry, Provider, Refund
from billing.services.events import Kind, note_event
from billing.services.journal import credit_of
from billing.services.refunds import settling
from billing.services.refunds.figures import (
    access_share,
    account_of,
    amount_left,
    is_given,
    require_money,
)
from billing.services.refunds.settling import Case, lock_payment_for_refund
from core import clock, money
from core.errors import InvalidTransition
from core.nudges import nudge
from notifications.services import tell

Account = JournalEntry.Account
State = Refund.State


@transaction.atomic
def request_refund(
    payment_id: int,
    *,
    amount: Decimal,
    reason: str,
    form_uuid: uuid.UUID,
    takes_access: bool,
    actor: str,
) -> Refund:
    """Send `amount` of a payment back, and take the access that goes with it first.

    Money of a provider goes by `work_due`; money staff took waits in MANUAL until they paid it out; what
    was paid from credit is credit again at once. Safe to repeat: one form refunds once.
    Raises NoSuchPayment, NothingToRefund, RefundTooLarge, RefundNotWhole, NotEnoughCredit, and ValueError
    for no reason or a sum that cannot be.
    """
    if not reason.strip():
        raise ValueError("a reason is needed")
    case = lock_payment_for_refund(payment_id)
    known = Refund.objects.filter(form_uuid=form_uuid).first()
    if known is not None:
        return _same(known, payment_id, amount)
    amount, left = _require_possible(case, amount)
    refund = Refund(
        payment=case.payment,
        form_uuid=form_uuid,
        amount=amount,
        currency=case.payment.received_currency,
        taken_from=account_of(case.payment),
        takes_access=takes_access and is_given(case.payment),
        reason=reason.strip()[:300],
        actor=actor,
        next_try_at=clock.now(),
    )
    share = access_share(case.payment, amount, left=left) if takes_access else None
    refund.save()
    case = case.about(refund)
    if share is not None:
        settling.take_access(case, seconds=share.asked, actor=actor)
    settling.book_asked(case, actor=actor)
    _note(case, actor)
    _set_off(case, actor)
    return case.refund


def _same(refund: Refund, payment_id: int, amount: Decimal) -> Refund:
    """Somebody who goes back to a form that was used must not take its refund for another one."""
    if refund.payment_id != payment_id or refund.amount != amount:
        raise InvalidTransition(
            _("This form refunded %(sum)s already; open it anew for more.") % {"sum": refund.amount}
        )
    return refund


def _require_possible(case: Case, amount: Decimal) -> tuple[Decimal, Decimal]:
    """Return the amount with its currency's places, and what is left to refund."""
    payment = case.payment
    require_money(payment)
    amount, left = money.exact(amount, payment.received_currency), amount_left(payment)
    if amount <= 0:
        raise ValueError("the amount must be more than nothing")
    if left <= 0:
        raise NothingToRefund(_("All of this money went back, or is on its way."))
    if amount > left:
        raise RefundTooLarge(
            _("%(sum)s is more than what is left: %(left)s.") % {"sum": amount, "left": left}
        )
    lies_in = account_of(payment)
    if lies_in == Account.PREPAID and amount < left:
        raise RefundNotWhole(_("What was paid for is not given yet: all of it can go back, a part cannot."))
    if lies_in == Account.CREDIT and case.customer is not None:
        credit = credit_of(case.customer, payment.received_currency)
        if credit < amount:
            left_of_it = {"sum": money.shown(credit, payment.received_currency)}
            raise NotEnoughCredit(
                _("The customer has spent this money: %(sum)s of their credit is left.") % left_of_it
            )
    return amount, left


def _note(case: Case, actor: str) -> None:
    refund, payment = case.refund, case.payment
    data = {"refund": refund.pk, "amount": f"{refund.amount}", "reason": refund.reason}
    note_event(payment, Kind.REFUND, text="requested", data=data, actor=actor)
    accounts.note(case.customer, "refund.requested", actor=actor, subject=refund.source, data=data)


def _set_off(case: Case, actor: str) -> None:
    """Let the money take its way, by what it came with."""
    refund, provider = case.refund, case.payment.provider
    if provider == Provider.CREDIT:
        settling.succeed(case, out_of=Account.CREDIT, actor=actor)
        return
    if provider == Provider.MANUAL:
        settling.move(refund, State.MANUAL, next_try_at=None)
    settling.follow_order(case)
    if case.customer is not None:
        tell(
            case.customer,
            "refund_sent",
            dedupe_key=f"refund_sent:{refund.pk}",
            context={"refund_id": refund.pk},
        )
    nudge("billing.tasks.work_refunds")
