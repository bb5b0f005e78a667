"""Refunds the provider will not pay, and those of money staff took themselves: theirs to finish."""

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import RefundTooLarge
from billing.models import Decision, JournalEntry, Provider, Refund
from billing.services.asking import withdraw
from billing.services.events import Kind, note_event
from billing.services.refunds import settling
from billing.services.refunds.figures import amount_of, require_money
from billing.services.refunds.settling import Case, lock_refund
from core.errors import InvalidTransition
from core.nudges import nudge

State = Refund.State


@transaction.atomic
def pay_out_by_hand(refund_id: int, *, reason: str, actor: str) -> Refund:
    """Write down that staff paid the money out themselves; `reason` says how. Safe to repeat.

    Raises NoSuchRefund, InvalidTransition unless it waits for staff, RefundTooLarge if the money went back
    another way meanwhile, ValueError for no reason.
    """
    case = _lock(refund_id, reason, State.SUCCEEDED)
    refund, payment = case.refund, case.payment
    if refund.state == State.SUCCEEDED:
        return refund
    if refund.amount > require_money(payment) - amount_of(payment, State.SUCCEEDED):
        raise RefundTooLarge(_("The money went back another way meanwhile."))
    _note(case, "paid out by hand", reason, actor)
    settling.succeed(case, out_of=JournalEntry.Account.CASH, actor=actor)
    return refund


@transaction.atomic
def give_up(refund_id: int, *, reason: str, actor: str) -> Refund:
    """Let the refund fail: the money stays, access comes back, the customer is told. Safe to repeat.

    Raises NoSuchRefund, InvalidTransition unless it waits for staff, ValueError for no reason.
    """
    case = _lock(refund_id, reason, State.FAILED)
    if case.refund.state != State.FAILED:
        settling.fail(case, why=reason.strip()[:300], actor=actor)
    return case.refund


@transaction.atomic
def try_again(refund_id: int, *, reason: str, actor: str) -> Refund:
    """Send a refund that waits for staff to the provider once more, as a new try with all its repeats.

    Safe to repeat: one that is on its way stays so. Raises NoSuchRefund, InvalidTransition if it is settled
    or no provider can pay it, ValueError for no reason.
    """
    case = _lock(refund_id, reason, State.REQUESTED)
    refund = case.refund
    if refund.state in Refund.OPEN:
        return refund
    if not Provider(case.payment.provider).is_outside:
        raise InvalidTransition(_("No provider took this money, so none can send it back."))
    withdraw(Decision.Kind.REFUND_BY_HAND, settling.by_hand_fact(refund), reason="tried again")
    refund.provider_reason = ""
    settling.again(refund, pause=timedelta(0))
    settling.move(refund, State.REQUESTED, tries=0, error="")
    _note(case, "tried again", reason, actor)
    nudge("billing.tasks.work_refunds")
    return refund


def _lock(refund_id: int, reason: str, wanted: State) -> Case:
    if not reason.strip():
        raise ValueError("a reason is needed")
    case = lock_refund(refund_id)
    refund = case.refund
    is_done = refund.state == wanted or (wanted == State.REQUESTED and refund.state in Refund.OPEN)
    if not is_done and refund.state != State.MANUAL:
        raise InvalidTransition(_("This refund does not wait for staff any more."))
    return case


def _note(case: Case, what: str, reason: str, actor: str) -> None:
    text = f"{what}: {reason.strip()}"
    note_event(case.payment, Kind.REFUND, text=text, data={"refund": case.refund.pk}, actor=actor)
