"""The worker's part of refunds: send what was asked for, read back what waits.

1. `work_due` leases one refund and commits; the lease outlives the longest call.
2. A refund not sent yet gets its body frozen and becomes SENDING, committed before the call.
3. The call is made with no transaction open. No answer, or an odd one, leaves it SENDING: the same key and
   body again each minute. The provider forgets a key after a day, so an hour before that we stop
   repeating and look for the key in its books; only what is not there gets a new key.
4. Every answer goes through `apply_refund_state`.
"""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import ProviderBusy, ProviderNotFound, ProviderRefused
from billing.models import Decision, Payment, ProviderAccount, Refund
from billing.providers.base import KEY_HOURS, RefundReport
from billing.services.accounts import provider_of
from billing.services.calls.outside import LEASE_SECONDS, Tired, ask_provider
from billing.services.events import Kind, note_event
from billing.services.refunds import cabinet, settling
from billing.services.refunds.figures import amount_of, customer_of, require_money
from billing.services.refunds.settling import apply_refund_state
from core import clock
from core.claims import claim, record
from core.errors import OutsideError
from core.services import require_installation

log = logging.getLogger(__name__)

State = Refund.State

BUDGET_SECONDS = 20.0
REPEAT_AFTER = timedelta(minutes=1)
# Staff must do something first, or a defect be mended.
LOOK_AGAIN_AFTER = timedelta(minutes=10)
KEY_LIVES = timedelta(hours=KEY_HOURS)
DESCRIPTION_LENGTH = 250
SOURCE = "provider"


def work_due() -> int:
    """Send and read back the refunds that are due; returns how many were worked on. Safe to run at once.

    A provider that does not answer costs a run one time-out, not one for each refund.
    """
    require_installation()
    tired, worked, give_up_at = Tired(), 0, time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < give_up_at:
        is_due = Q(next_try_at__isnull=True) | Q(next_try_at__lte=clock.now())
        due = Refund.objects.filter(is_due, state__in=Refund.OPEN)
        # Not by a join: PostgreSQL looks again, after waiting for a row, at that row's own columns only.
        due = due.exclude(payment__in=Payment.objects.filter(account__in=tired.accounts))
        claimed = claim(due.order_by("next_try_at"), limit=1, lease_seconds=LEASE_SECONDS)
        if not claimed:
            break
        _work(claimed[0], tired)
        worked += 1
    return worked


def _work(refund: Refund, tired: Tired) -> None:
    """Do what is next for one refund under our lease. Whatever happens, it has a time for its next try."""
    refund.payment = Payment.objects.select_related("order__payer", "account").get(pk=refund.payment_id)
    account = refund.payment.account
    assert account is not None, "only what came through a provider goes back through one"
    try:
        try:
            _step(refund, account)
        except ProviderRefused as refused:
            if refund.state == State.PENDING:
                raise
            _refused(refund, str(refused))
        record(refund)
    except OutsideError as failed:
        tired.note(account.pk, failed)
        _note_failure(refund, failed)
    except Exception:  # one refund's defect must not stand in the way of the others
        log.exception("refund %s could not be worked on", refund.pk)
        record(refund, next_try_at=clock.now() + LOOK_AGAIN_AFTER)


def _step(refund: Refund, account: ProviderAccount) -> None:
    """Make the next call for the refund and apply its answer."""
    report: RefundReport | None = None
    if refund.state == State.PENDING:
        report = ask_provider(account, lambda provider: provider.read_refund(refund.remote_id))
    elif _is_key_spent(refund):
        report = _look_for_key(refund, account)
    elif _may_be_forgotten(refund) and cabinet.find_refunds(refund.payment_id) and _is_settled(refund):
        return
    elif refund.state == State.SENDING or _freeze(refund, account):
        key, request = str(refund.key), refund.request
        report = ask_provider(account, lambda provider: provider.refund(key, request))
    if report is not None:
        apply_refund_state(refund.pk, report, source=SOURCE)


def _is_key_spent(refund: Refund) -> bool:
    sent_at = refund.first_sent_at
    return refund.state == State.SENDING and sent_at is not None and clock.now() - sent_at > KEY_LIVES


def _may_be_forgotten(refund: Refund) -> bool:
    """Tell whether a copy of our database from before may have sent this, and the provider forgotten the key.

    A restored copy believes unsent what was sent; the provider's books know better.
    """
    is_old = clock.now() - refund.created_at > KEY_LIVES
    return refund.state == State.REQUESTED and (is_old or refund.tries > 0)


def _is_settled(refund: Refund) -> bool:
    return not Refund.objects.filter(pk=refund.pk, state=State.REQUESTED, key=refund.key).exists()


def _freeze(refund: Refund, account: ProviderAccount) -> bool:
    """Fix the body and say that it is on its way; tell whether the refund still waited for that."""
    values = {
        "state": State.SENDING,
        "request": _body(refund, account),
        "first_sent_at": clock.now(),
        "tries": refund.tries + 1,
    }
    with transaction.atomic():
        waiting = Refund.objects.filter(
            pk=refund.pk, claim_token=refund.claim_token, state=State.REQUESTED, key=refund.key
        )
        if not waiting.update(**values):
            return False
        data = {"refund": refund.pk, "try": values["tries"], "key": str(refund.key)}
        note_event(refund.payment, Kind.SENT, text="refund", data=data, actor=SOURCE)
    for name, value in values.items():
        setattr(refund, name, value)
    return True


def _body(refund: Refund, account: ProviderAccount) -> str:
    """Return the request as it is sent, every time. Raises ProviderRefused for what the provider forbids."""
    order, customer = refund.payment.order, customer_of(refund.payment)
    language = customer.language if customer else settings.LANGUAGE_CODE
    with translation.override(language):
        description = _("%(shop)s: refund") % {"shop": settings.SHOP_NAME}
        if order is not None:
            description = _("%(shop)s: refund for order %(number)d") % {
                "shop": settings.SHOP_NAME,
                "number": order.pk,
            }
    try:
        body: str = provider_of(account).compose_refund(
            key=str(refund.key),
            remote_payment_id=refund.payment.remote_id,
            amount=refund.amount,
            currency=refund.currency,
            description=description[:DESCRIPTION_LENGTH],
            item=order.plan_name_in(language) if order else "",
        )
    except ValueError as wrong:
        raise ProviderRefused(f"the provider would refuse this: {wrong}") from wrong
    return body


def _look_for_key(refund: Refund, account: ProviderAccount) -> RefundReport | None:
    """Return our refund from the provider's books; what is not there was never made and may begin anew."""
    listed = cabinet.list_refunds(account, refund.payment.remote_id)
    found = next((report for report in listed if report.key == str(refund.key)), None)
    if found is None:
        with transaction.atomic():
            case = settling.lock_refund(refund.pk)
            if case.refund.key == refund.key and case.refund.state == State.SENDING:
                settling.again(case.refund, pause=timedelta(0))
                note_event(case.payment, Kind.REFUND, text="never made: a new try", actor=SOURCE)
    return found


def _refused(refund: Refund, why: str) -> None:
    """The provider will not take this request, ever. What it did before that is read from its books first.

    Often the money went back already, in its cabinet: where nothing is left to send, the refund has failed.
    Raises OutsideError while the books cannot be read: an earlier repeat may have paid after all.
    """
    cabinet.find_refunds(refund.payment_id)
    with transaction.atomic():
        case = settling.lock_refund(refund.pk)
        note_event(case.payment, Kind.FAILED, text=f"refund: {why}", actor=SOURCE)
        if case.refund.state not in Refund.OPEN:
            return
        left = require_money(case.payment) - amount_of(case.payment, State.SUCCEEDED)
        if case.refund.amount > left:
            settling.fail(case, why=cabinet.ANOTHER_WAY, actor=SOURCE)
        else:
            case.refund.provider_reason = why[:120]
            settling.leave_to_staff(case, why=why)


def _note_failure(refund: Refund, failed: OutsideError) -> None:
    """Nobody knows what came of it, or nothing did: the same again, later."""
    payment, wait = refund.payment, REPEAT_AFTER
    if isinstance(failed, ProviderBusy):
        wait = timedelta(seconds=max(failed.seconds, 1))
    elif failed.permanent:
        wait = LOOK_AGAIN_AFTER
    if isinstance(failed, ProviderNotFound):
        case = settling.Case(payment, customer_of(payment)).about(refund)
        settling.ask_staff(case, Decision.Kind.MISSING_THERE, refund.source, refund=refund.remote_id)
    if str(failed) != refund.error:
        note_event(payment, Kind.FAILED, text=f"refund: {failed}", actor=SOURCE)
    record(refund, error=str(failed), next_try_at=clock.now() + wait)
