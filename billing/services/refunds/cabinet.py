"""Refunds of the provider's books: ours, and those somebody made in its cabinet, past the shop."""

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.errors import AnswerOdd, NothingToRefund
from billing.models import Decision, JournalEntry, Payment, ProviderAccount, Refund
from billing.providers.base import Page, RefundReport, Said
from billing.services.asking import ask, withdraw
from billing.services.calls.outside import ask_provider
from billing.services.refunds import settling
from billing.services.refunds.figures import (
    access_share,
    account_of,
    amount_left,
    amount_of,
    require_money,
)
from billing.services.refunds.settling import Case, apply_refund_state, lock_payment_for_refund
from core import clock

Account = JournalEntry.Account
State = Refund.State

# More pages than one payment can have refunds: an odd cursor must not keep us for ever.
MOST_PAGES = 50
ANOTHER_WAY = "the money went back another way"
CABINET = "made in the provider's cabinet"


def find_refunds(payment_id: int) -> int:
    """Read the payment's refunds in the provider's books and apply them; returns how many there are.

    Must not run inside a transaction. Safe to repeat. Raises OutsideError.
    """
    payment = Payment.objects.select_related("account").get(pk=payment_id)
    if payment.account is None or not payment.remote_id:
        return 0
    found = 0
    for report in list_refunds(payment.account, payment.remote_id):
        import_or_apply_refund(payment.account, report, source="sweep")
        found += 1
    return found


def list_refunds(account: ProviderAccount, remote_payment_id: str) -> Iterator[RefundReport]:
    """Return what the provider's books say of refunds of one payment.

    Raises OutsideError; at the end also if something there could not be read, so that whoever looks in vain
    does not take it for missing.
    """
    cursor = ""
    for _page in range(MOST_PAGES):
        page = ask_provider(account, _page_of(remote_payment_id, cursor))
        yield from page.refunds
        if page.unread:
            raise AnswerOdd(f"refunds that cannot be read: {', '.join(page.unread)}")
        cursor = page.cursor
        if not cursor:
            return
    raise AnswerOdd(f"the refunds of one payment fill more than {MOST_PAGES} pages")


def _page_of(remote_payment_id: str, cursor: str) -> Callable[[Any], Page]:
    return lambda provider: provider.list_refunds(remote_payment_id=remote_payment_id, cursor=cursor)


def import_or_apply_refund(account: ProviderAccount, report: RefundReport, *, source: str) -> Refund | None:
    """Take in a refund the provider reports, ours or not: found by our key, then by its id, else made a row.

    A refund from the cabinet is booked once it succeeded, and takes the same part of the access as of the
    price. One of a payment we do not know is put to staff. Safe to repeat and to run at once.
    Raises NothingToRefund while the payment itself is not booked yet: apply that first, then come again.
    """
    ours = _find(account, report)
    if ours is not None:
        return apply_refund_state(ours, report, source=source)
    if report.said != Said.SUCCEEDED:
        return None  # it moved no money, or is a try of ours that is over
    payment = Payment.objects.filter(account=account, remote_id=report.remote_payment_id).first()
    fact = f"{account.pk}:{report.remote_id}"
    if payment is None:
        details = {
            "refund": report.remote_id,
            "payment": report.remote_payment_id,
            "amount": f"{report.amount} {report.currency}",
            "account": account.pk,
        }
        ask(Decision.Kind.REFUND_UNKNOWN, fact, details=details)
        return None
    refund = _import(payment.pk, report, source=source)
    withdraw(Decision.Kind.REFUND_UNKNOWN, fact, reason="its payment was found")
    return refund


def _find(account: ProviderAccount, report: RefundReport) -> int | None:
    """Return the id of the refund the report is about; the key counts only for the same payment."""
    known = Refund.objects.filter(payment__account=account, payment__remote_id=report.remote_payment_id)
    by_id = known.filter(remote_id=report.remote_id).values_list("pk", flat=True).first()
    if by_id is not None:
        return by_id
    try:
        key = uuid.UUID(report.key)
    except ValueError:
        return None
    return known.filter(key=key).values_list("pk", flat=True).first()


@transaction.atomic
def _import(payment_id: int, report: RefundReport, *, source: str) -> Refund:
    case = lock_payment_for_refund(payment_id)
    payment = case.payment
    known = Refund.objects.filter(payment=payment, remote_id=report.remote_id).first()
    if known is not None:  # another process was faster, so that room was made already
        return apply_refund_state(known.pk, report, source=source)
    if report.currency != payment.received_currency:
        require_money(payment)
        raise NothingToRefund(f"refunded in {report.currency}, paid in {payment.received_currency}")
    _make_room(case, report.amount, actor=source)
    lies_in = account_of(payment)
    share = access_share(payment, report.amount, left=amount_left(payment))
    refund = Refund(
        payment=payment,
        amount=report.amount,
        currency=report.currency,
        remote_id=report.remote_id,
        is_external=True,
        taken_from=lies_in,
        takes_access=share is not None,
        reason=CABINET,
        actor="provider",
        first_sent_at=report.created_at or clock.now(),
    )
    refund.save()
    case = case.about(refund)
    if share is not None:
        settling.take_access(case, seconds=share.asked, actor=source)
    settling.book_asked(case, actor=source)
    settling.succeed(case, out_of=Account.PROVIDER, actor=source, data=report.raw)
    if trouble := _trouble(case):
        settling.ask_staff(case, Decision.Kind.CONTRADICTION, refund.source, trouble=trouble)
    return refund


def _trouble(case: Case) -> str:
    """Tell what is left to decide after money went back past us, empty if nothing is."""
    refund, payment = case.refund, case.payment
    is_part = payment.refunded_amount < require_money(payment)
    if refund.taken_from == Account.PREPAID and is_part:
        return "a part was refunded in the cabinet before access was given"
    return settling.SPENT if settling.is_overdrawn(case) else ""


def _make_room(case: Case, amount: Decimal, *, actor: str) -> None:
    """Give up refunds of ours that were not sent yet and that the rest no longer covers."""
    gone = amount_of(case.payment, State.SUCCEEDED, State.SENDING, State.PENDING) + amount
    left = require_money(case.payment) - gone
    waiting = Refund.objects.filter(payment=case.payment, state__in=(State.REQUESTED, State.MANUAL))
    for refund in waiting.order_by("-id"):
        if refund.amount > left:
            settling.fail(case.about(refund), why=ANOTHER_WAY, actor=actor)
        else:
            left -= refund.amount
