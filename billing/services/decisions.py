"""What staff decide about money that fits nothing: credit it, send it back, give for it, or leave it."""

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import services as accounts
from accounts.models import User
from billing.errors import NothingToRefund
from billing.models import BillingRules, Decision, JournalEntry, Order, Payment, Refund
from billing.services.events import Kind, note_event
from billing.services.fulfilling import pay_order
from billing.services.journal import book
from billing.services.payments import lock_payment
from billing.services.refunds import amount_left, request_refund
from billing.services.rules import rules
from core import clock
from core.errors import InvalidTransition
from notifications.services import tell

Account = JournalEntry.Account
Booked = Payment.Booked

CREDIT, REFUND, GIVE, KEEP, DISMISS = "credit", "refund", "give", "keep", "dismiss"
BATCH = 50
# In the details of a question that the rules could not answer: the reason.
LEFT_TO_STAFF = "trouble"

# What staff are offered for each question; dismissing is always possible.
PROPOSED: dict[str, tuple[str, ...]] = {
    Decision.Kind.AMOUNT_DIFFERS: (CREDIT, REFUND, GIVE),
    Decision.Kind.UNKNOWN_PAYMENT: (CREDIT, REFUND),
    Decision.Kind.SECOND_PAYMENT: (KEEP, REFUND),
    Decision.Kind.REFUSED_ORDER: (KEEP, REFUND),
}


def proposed(decision: Decision) -> tuple[str, ...]:
    """Return what can be done about an open question, most likely first."""
    if decision.state != Decision.State.OPEN:
        return ()
    actions = PROPOSED.get(decision.kind, ())
    if GIVE in actions and not _may_give(decision):
        actions = tuple(action for action in actions if action != GIVE)
    return (*actions, DISMISS)


@transaction.atomic
def credit_to_customer(decision_id: int, *, customer_id: int, reason: str, actor: str) -> Decision:
    """Make money that waits the credit of a customer, and tell them.

    Safe to repeat. Raises InvalidTransition if the question was answered otherwise, or an order says that
    it is somebody else's money.
    """
    decision, payment = _lock(decision_id, CREDIT)
    if payment is None or decision.resolution == CREDIT:
        return decision
    if payment.order is not None and payment.order.payer_id != customer_id:
        raise InvalidTransition(
            _("This money came for an order of %(customer)s: credit it to them.")
            % {"customer": payment.order.payer}
        )
    customer = accounts.lock_customer(customer_id)
    _book_from_suspense(decision, payment, customer, to=Account.CREDIT, actor=actor)
    payment.booked_as = Booked.CREDIT
    payment.save(update_fields=["booked_as"])
    tell(
        customer,
        "money_credited",
        dedupe_key=f"money_credited:{payment.pk}",
        context={"payment_id": payment.pk},
    )
    return _decide(decision, CREDIT, reason, actor, customer=customer)


@transaction.atomic
def give_anyway(decision_id: int, *, reason: str, actor: str) -> Decision:
    """Let money of another amount pay its order all the same.

    Safe to repeat. Raises InvalidTransition if the order is paid, or the question answered otherwise.
    """
    decision, payment = _lock(decision_id, GIVE)
    if payment is None or decision.resolution == GIVE:
        return decision
    order = payment.order
    if order is None or not _may_give(decision):
        raise InvalidTransition(_("This money cannot pay an order."))
    _book_from_suspense(decision, payment, order.payer, to=Account.PREPAID, actor=actor)
    payment.booked_as = Booked.ORDER
    payment.save(update_fields=["booked_as"])
    pay_order(order, payment, order.payer, actor=actor)
    return _decide(decision, GIVE, reason, actor)


@transaction.atomic
def refund_it(decision_id: int, *, reason: str, actor: str) -> Refund:
    """Send all of the money in question back. Access is not touched: none was given for it.

    Safe to repeat. Raises InvalidTransition if the question was answered otherwise, NothingToRefund.
    """
    decision, payment = _lock(decision_id, REFUND)
    if payment is None:
        raise NothingToRefund("there is no money in question")
    known = Refund.objects.filter(form_uuid=_uuid_of(decision)).first()
    if known is not None:
        return known
    left = amount_left(payment)
    if left <= 0:
        raise NothingToRefund(_("All of this money went back, or is on its way."))
    refund = request_refund(
        payment.pk,
        amount=left,
        reason=reason,
        form_uuid=_uuid_of(decision),
        takes_access=False,
        actor=actor,
    )
    _decide(decision, REFUND, reason, actor)
    return refund


@transaction.atomic
def dismiss(decision_id: int, *, reason: str, actor: str, resolution: str = DISMISS) -> Decision:
    """Leave everything as it is, for a reason. Safe to repeat."""
    decision = _lock(decision_id, resolution)[0]
    if decision.state == Decision.State.DECIDED:
        return decision
    return _decide(decision, resolution, reason, actor)


def keep(decision_id: int, *, reason: str, actor: str) -> Decision:
    """Leave the money where it lies: as the customer's credit. Safe to repeat."""
    return dismiss(decision_id, reason=reason, actor=actor, resolution=KEEP)


def apply_rules() -> int:
    """Send back money paid twice or for nothing where the shop's rules say so; returns how many."""
    if rules().extra_money != BillingRules.Extra.REFUND:
        return 0
    kinds = (Decision.Kind.SECOND_PAYMENT, Decision.Kind.REFUSED_ORDER)
    waiting = Decision.objects.filter(state=Decision.State.OPEN, kind__in=kinds).order_by("pk")
    waiting = waiting.exclude(details__has_key=LEFT_TO_STAFF)
    return _refund_all(waiting.values_list("pk", flat=True)[:BATCH])


def _refund_all(decision_ids: Iterable[int]) -> int:
    done = 0
    for decision_id in list(decision_ids):
        try:
            refund_it(decision_id, reason="by the rules of the shop", actor="schedule")
        except InvalidTransition as refused:  # staff were faster, or the credit is spent: theirs to decide
            _leave_to_staff(decision_id, str(refused))
            continue
        done += 1
    return done


@transaction.atomic
def _leave_to_staff(decision_id: int, why: str) -> None:
    decision = Decision.objects.select_for_update(of=("self",)).get(pk=decision_id)
    decision.details = {**decision.details, LEFT_TO_STAFF: why}
    decision.save(update_fields=["details"])


def _lock(decision_id: int, wanted: str) -> tuple[Decision, Payment | None]:
    """Lock the payer and return the question; refuse an answer that contradicts the one given before."""
    payment_id = Decision.objects.values_list("payment_id", flat=True).get(pk=decision_id)
    payment = lock_payment(payment_id)[0] if payment_id else None
    decision = Decision.objects.select_for_update(of=("self",)).get(pk=decision_id)
    if decision.state == Decision.State.DECIDED and decision.resolution != wanted:
        raise InvalidTransition(_("This was decided otherwise meanwhile."))
    if wanted not in (*PROPOSED.get(decision.kind, ()), DISMISS):
        raise InvalidTransition(f"{wanted} does not answer this question")
    return decision, payment


def _may_give(decision: Decision) -> bool:
    payment, order = decision.payment, decision.order
    if payment is None or order is None or payment.booked_as != Booked.SUSPENSE:
        return False
    is_unpaid = order.state in (Order.State.OPEN, Order.State.CLOSED)
    is_whole = amount_left(payment) == payment.received_amount
    return is_unpaid and payment.received_currency == order.currency and is_whole


def _book_from_suspense(
    decision: Decision, payment: Payment, customer: User, *, to: JournalEntry.Account, actor: str
) -> None:
    """Move what is still there: a part may have gone back, or be on its way."""
    if payment.booked_as != Booked.SUSPENSE or payment.received_amount is None:
        raise InvalidTransition(_("This money does not wait any more."))
    left = amount_left(payment)
    if left <= 0:
        raise NothingToRefund(_("All of this money went back, or is on its way."))
    book(
        f"decision:{decision.pk}",
        debit=Account.SUSPENSE,
        credit=to,
        amount=left,
        currency=payment.received_currency,
        customer=customer,
        account=payment.account,
        order=payment.order,
        payment=payment,
        actor=actor,
    )


def _uuid_of(decision: Decision) -> uuid.UUID:
    """A repeat of the decision is the same refund."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"decision:{decision.pk}")


def _decide(
    decision: Decision, resolution: str, reason: str, actor: str, *, customer: User | None = None
) -> Decision:
    if not reason.strip():
        raise ValueError("a reason is needed")
    decision.state, decision.resolution = Decision.State.DECIDED, resolution
    decision.reason, decision.decided_by, decision.decided_at = reason.strip()[:300], actor, clock.now()
    decision.customer = customer or decision.customer
    decision.save(update_fields=["state", "resolution", "reason", "decided_by", "decided_at", "customer"])
    if decision.payment is not None:
        note_event(decision.payment, Kind.DECISION, text=f"{resolution}: {reason}", actor=actor)
    accounts.note(
        decision.customer,
        "decision.made",
        actor=actor,
        subject=f"decision:{decision.pk}",
        data={"kind": decision.kind, "resolution": resolution, "reason": reason},
    )
    return decision
