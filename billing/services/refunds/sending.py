"""The worker's part of refunds: send what was asked for, read back what waits.

1. `work_due` leases one refund and commits; the lease outlives the longest call.
2. A refund not sent yet gets its body frozen and becomes SENDING, committed before the call.
3. The call is made with no transaction open. No answer, or an odd one, leaves it SENDING: the same key and
   body again each minute. The provider forgets a key after a day, so an hour before that we stop
   repeating and look for the key in its books; only what is not there gets a new key.
4. Every answer goes through `apply_refund_state`.
"""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import ProviderBusy, ProviderNotFound, ProviderRefused
from billing.models import Decision, Order, Payment, Refund
from billing.providers.base import KEY_HOURS, READ_SECONDS, RefundReport
from billing.services.accounts import note_outcome, provider_of
from billing.services.asking import ask
from billing.services.events import Kind, note_event
from billing.services.refunds import cabinet, settling
from billing.services.refunds.figures import amount_of, customer_of, require_money
from billing.services.refunds.settling import apply_refund_state
from core import clock
from core.claims import claim, record
from core.errors import OutcomeUnknown, OutsideError, ServiceUnreachable

log = logging.getLogger(__name__)

State = Refund.State

LEASE_SECONDS = READ_SECONDS + 10
BATCH = 20
REPEAT_AFTER = timedelta(minutes=1)
LOOK_AGAIN_AFTER = timedelta(minutes=10)
KEY_LIVES = timedelta(hours=KEY_HOURS)
DESCRIPTION_LENGTH = 250


def work_due() -> int:
    """Send and read back the refunds that are due; returns how many were worked on. Safe to run at once."""
    now = clock.now()
    due = Refund.objects.filter(state__in=Refund.OPEN).filter(
        Q(next_try_at__isnull=True) | Q(next_try_at__lte=now)
    )
    worked, silent = 0, set[int | None]()
    while worked < BATCH:
        heard = due.exclude(payment__account__in=silent) if silent else due
        claimed = claim(heard.order_by("next_try_at"), limit=1, lease_seconds=LEASE_SECONDS)
        if not claimed:
            break
        if not _work(claimed[0]):
            silent.add(claimed[0].payment.account_id)  # the others would wait for it in vain, one by one
        worked += 1
    return worked


def _work(refund: Refund) -> bool:
    """Do what is next for one refund under our lease; tell whether the provider answered."""
    payments = Payment.objects.select_related("order__payer", "account")
    refund.payment = payments.get(pk=refund.payment_id)
    try:
        report = _call(refund)
        if report is not None:
            apply_refund_state(refund.pk, report, source="provider")
        record(refund)
    except OutsideError as failed:
        _note_failure(refund, failed)
        return not isinstance(failed, OutcomeUnknown | ServiceUnreachable)
    except Exception:  # one refund's defect must not stand in the way of the others
        log.exception("refund %s could not be worked on", refund.pk)
        record(refund, next_try_at=clock.now() + LOOK_AGAIN_AFTER)
    return True


def _call(refund: Refund) -> RefundReport | None:
    """Make the next call for the refund and return the answer; None if nothing is to be reported."""
    account = refund.payment.account
    assert account is not None, "only what came through a provider goes back through one"
    provider = provider_of(account)
    if refund.state == State.PENDING:
        report: RefundReport = provider.read_refund(refund.remote_id)
    elif _is_key_spent(refund):
        return _look_for_key(refund)
    elif refund.state == State.SENDING or _freeze(refund, provider):
        report = provider.refund(str(refund.key), refund.request)
    else:
        return None
    note_outcome(account.pk)
    return report


def _is_key_spent(refund: Refund) -> bool:
    sent_at = refund.first_sent_at
    return refund.state == State.SENDING and sent_at is not None and clock.now() - sent_at > KEY_LIVES


def _freeze(refund: Refund, provider: Any) -> bool:
    """Fix the body and say that it is on its way; tell whether the refund still waited for that."""
    body = _body(refund, provider)
    with transaction.atomic():
        values = {
            "state": State.SENDING,
            "request": body,
            "first_sent_at": clock.now(),
            "tries": refund.tries + 1,
        }
        waiting = Refund.objects.filter(
            pk=refund.pk, claim_token=refund.claim_token, state=State.REQUESTED, key=refund.key
        )
        if not waiting.update(**values):
            return False
        for name, value in values.items():
            setattr(refund, name, value)
        data = {"refund": refund.pk, "try": refund.tries, "key": str(refund.key)}
        note_event(refund.payment, Kind.SENT, text="refund", data=data, actor="schedule")
    return True


def _body(refund: Refund, provider: Any) -> str:
    """Return the request as it is sent, every time. Raises ProviderRefused for what the provider forbids."""
    order = refund.payment.order
    customer = customer_of(refund.payment)
    with translation.override(customer.language if customer else settings.LANGUAGE_CODE):
        description = _described(order)
        item = order.plan_name_in(translation.get_language() or "") if order else ""
    try:
        body: str = provider.compose_refund(
            key=str(refund.key),
            remote_payment_id=refund.payment.remote_id,
            amount=refund.amount,
            currency=refund.currency,
            description=description[:DESCRIPTION_LENGTH],
            item=item,
        )
    except ValueError as wrong:
        raise ProviderRefused(f"the provider would refuse this: {wrong}") from wrong
    return body


def _described(order: Order | None) -> str:
    if order is None:
        return _("%(shop)s: refund") % {"shop": settings.SHOP_NAME}
    return _("%(shop)s: refund for order %(number)d") % {"shop": settings.SHOP_NAME, "number": order.pk}


def _look_for_key(refund: Refund) -> RefundReport | None:
    """Return our refund from the provider's books; what is not there was never made and may begin anew."""
    account = refund.payment.account
    assert account is not None
    listed = cabinet.list_refunds(account, refund.payment.remote_id)
    found = next((report for report in listed if report.key == str(refund.key)), None)
    if found is None:
        with transaction.atomic():
            case = settling.lock_refund(refund.pk)
            if case.refund.key == refund.key and case.refund.state == State.SENDING:
                settling.again(case.refund, pause=timedelta(0))
                note_event(case.payment, Kind.REFUND, text="never made: a new try", actor="schedule")
    return found


def _note_failure(refund: Refund, failed: OutsideError) -> None:
    """Decide by the error what is next: the same again, or staff."""
    payment = refund.payment
    if payment.account_id is not None:
        note_outcome(payment.account_id, failed)
    if isinstance(failed, ProviderRefused) and refund.state != State.PENDING:
        _refused(refund, str(failed))
        return
    wait = REPEAT_AFTER
    if isinstance(failed, ProviderBusy):
        wait = timedelta(seconds=max(failed.seconds, 1))
    elif failed.permanent:
        wait = LOOK_AGAIN_AFTER
    if isinstance(failed, ProviderNotFound):
        about = {"order": payment.order, "payment": payment, "refund": refund}
        ask(Decision.Kind.MISSING_THERE, refund.source, details={"refund": refund.remote_id}, **about)
    if str(failed) != refund.error:
        note_event(payment, Kind.FAILED, text=f"refund: {failed}", actor="schedule")
    record(refund, error=str(failed), next_try_at=clock.now() + wait)


def _refused(refund: Refund, why: str) -> None:
    """The provider will not take this request, ever. It did nothing, so nothing is lost but the way.

    Often because the money went back already, in the cabinet: those refunds are looked up first, and where
    nothing is left to send, this refund has failed.
    """
    try:
        cabinet.find_refunds(refund.payment_id)
    except OutsideError as failed:
        log.warning("refund %s was refused and the books cannot be read: %s", refund.pk, failed)
    with transaction.atomic():
        case = settling.lock_refund(refund.pk)
        note_event(case.payment, Kind.FAILED, text=f"refund: {why}"[:300], actor="provider")
        if case.refund.state in Refund.OPEN:
            left = require_money(case.payment) - amount_of(case.payment, State.SUCCEEDED)
            if case.refund.amount > left:
                cabinet.give_way(case, actor="provider")
            else:
                case.refund.provider_reason = why[:120]
                settling.leave_to_staff(case, why=why)
    record(refund)
