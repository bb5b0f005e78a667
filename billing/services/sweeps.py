"""Comparing our books with the provider's: what is missing here is taken in, what is missing there is told.

Hourly the payments of the last 26 h; nightly those of eight days, their refunds, and what is missing there.
A comparison is a job in steps of one page each, so it may be cut off anywhere and costs a worker one call at
a time.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from billing.errors import AnswerOdd, NothingToRefund, ProviderNotFound
from billing.models import Decision, JournalEntry, Payment, ProviderAccount, Refund
from billing.providers.base import Page, PaymentReport, Said
from billing.services.asking import ask
from billing.services.books import take_in_payment, take_in_refund
from billing.services.calls import alert_missing, ask_provider, read_back
from billing.services.payments import STATES, is_key
from billing.services.refunds import find_refunds
from core import clock, jobs
from core.errors import ServiceUnreachable
from core.jobs import Step
from core.models import Job
from core.services import require_installation

log = logging.getLogger(__name__)

KIND = "billing.compare"
SOURCE = "sweep"

HOURLY = timedelta(hours=26)
NIGHTLY = timedelta(days=8)
# What was booked in the last minutes may not be listed yet; what came at the very edge may be just beyond it.
MARGIN = timedelta(minutes=30)
MISSING_AT_ONCE = 5  # calls of one step

PAYMENTS, REFUNDS, MISSING = "payments", "refunds", "missing"


def sweep_payments() -> int:
    """Begin to compare the payments of the last 26 h of every account; returns of how many.

    A comparison that is still under way is left to end.
    """
    return _begin("hourly", HOURLY, (PAYMENTS,))


def sweep_nightly() -> int:
    """Begin to compare eight days of every account, payments and refunds, both ways; returns of how many."""
    return _begin("nightly", NIGHTLY, (PAYMENTS, REFUNDS, MISSING))


def _begin(name: str, window: timedelta, parts: tuple[str, ...]) -> int:
    require_installation()
    now = clock.now()
    accounts = list(ProviderAccount.objects.filter(refused_at__isnull=True).order_by("pk"))
    for account in accounts:
        # After a time away, from where the books were left: what came then was never looked at.
        since = min(now, account.listed_until or now) - window
        params = {"account": account.pk, "since": since.isoformat(), "began": now.isoformat()}
        jobs.start(
            KIND,
            subject=f"{name}:{account.pk}",
            asked_by="schedule",
            params={**params, "parts": list(parts)},
        )
    return len(accounts)


@dataclass
class Run:
    """One comparison as it stands: what it covers, where it goes on, what it has found."""

    account: ProviderAccount
    since: datetime
    began: datetime
    parts: list[str]
    cursor: str
    found: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, number: int = 1) -> None:
        self.found[what] = self.found.get(what, 0) + number


def compare(job: Job) -> Step:
    """Do one step of a comparison: one page of the provider's books, and whatever is new on it."""
    require_installation()
    run = _resume(job)
    if run.account.hidden_until is not None and run.account.hidden_until > clock.now():
        raise ServiceUnreachable(f"{run.account} failed too often just now")
    part = run.parts[0]
    if part == PAYMENTS:
        run.cursor = _compare_payments(run)
    elif part == REFUNDS:
        run.cursor = _compare_refunds(run)
    else:
        run.cursor = _look_for_missing(run)
    if not run.cursor:
        run.parts = run.parts[1:]
    if not run.parts:
        ProviderAccount.objects.filter(pk=run.account.pk).update(listed_until=run.began)
    cursor = {"parts": run.parts, "cursor": run.cursor, "found": run.found}
    return Step(cursor=cursor, done=job.done + 1, is_last=not run.parts, result=run.found)


def _resume(job: Job) -> Run:
    params, stands = job.params, job.cursor or {}
    return Run(
        account=ProviderAccount.objects.get(pk=params["account"]),
        since=datetime.fromisoformat(params["since"]),
        began=datetime.fromisoformat(params["began"]),
        parts=stands.get("parts", params["parts"]),
        cursor=stands.get("cursor", ""),
        found=stands.get("found", {}),
    )


def _page(run: Run, read: Callable[[Any], Page]) -> Page:
    page = ask_provider(run.account, read)
    if page.cursor and page.cursor == run.cursor:
        raise AnswerOdd("the provider's books go round in circles")
    run.count("pages")
    for remote_id in page.unread:
        run.count("unread")
        log.error("account %s: %s in the provider's books cannot be read", run.account.pk, remote_id)
    return page


@contextmanager
def _set_aside(run: Run, remote_payment_id: str) -> Iterator[None]:
    """Let what cannot be taken in stop no comparison; what staff can settle, they are asked."""
    try:
        yield
    except (AnswerOdd, NothingToRefund) as odd:
        run.count("unread")
        log.error("account %s: %s was set aside: %s", run.account.pk, remote_payment_id, odd)
        if isinstance(odd, NothingToRefund):
            _ask_about_refund(run.account, remote_payment_id, str(odd))


@transaction.atomic
def _ask_about_refund(account: ProviderAccount, remote_payment_id: str, trouble: str) -> None:
    payment = Payment.objects.filter(account=account, remote_id=remote_payment_id).first()
    order = payment.order if payment else None
    fact, details = f"refund of:{account.pk}:{remote_payment_id}", {"trouble": trouble}
    ask(Decision.Kind.CONTRADICTION, fact, details=details, order=order, payment=payment)


def _compare_payments(run: Run) -> str:
    """Compare one page of payments with our rows and journal; one query where nothing is new.

    Returns where the next page begins.
    """
    page = _page(run, lambda provider: provider.list_payments(since=run.since, cursor=run.cursor))
    ids = [report.remote_id for report in page.payments]
    charges = JournalEntry.objects.filter(payment=OuterRef("pk"), fact__startswith="charge:")
    rows = Payment.objects.filter(account=run.account, remote_id__in=ids).annotate(
        booked_amount=Subquery(charges.values("amount")[:1]),
        booked_currency=Subquery(charges.values("currency")[:1]),
    )
    known = {row.remote_id: row for row in rows}
    run.count("payments", len(ids))
    for report in page.payments:
        with _set_aside(run, report.remote_id):
            _compare_payment(run, report, known.get(report.remote_id))
    if MISSING in run.parts:
        Payment.objects.filter(pk__in=[row.pk for row in known.values()]).update(checked_at=clock.now())
    return page.cursor


def _compare_payment(run: Run, report: PaymentReport, row: Any) -> None:
    if row is None:
        # Without our key it is another site's in the same shop; in the books there is no money of it for us.
        if is_key(report.key) and take_in_payment(run.account, report, source=SOURCE):
            run.count("taken in")
        return
    if row.state != STATES.get(report.said):
        take_in_payment(run.account, report, source=SOURCE)
        run.count("taken in")
    elif report.said is Said.SUCCEEDED and (row.booked_amount, row.booked_currency) != (
        report.amount,
        report.currency,
    ):
        _alert_differs(row, report)
        run.count("differing")
    if report.said is Said.SUCCEEDED and report.refunded != row.refunded_amount:
        run.count("refunds taken in", find_refunds(row.pk))


@transaction.atomic
def _alert_differs(row: Any, report: PaymentReport) -> None:
    booked = f"{row.booked_amount:.2f} {row.booked_currency}" if row.booked_amount is not None else ""
    ask(
        Decision.Kind.CONTRADICTION,
        f"books:{row.pk}:{report.amount}",
        details={"booked": booked, "provider": f"{report.amount:.2f} {report.currency}"},
        order=row.order,
        payment=row,
    )


def _compare_refunds(run: Run) -> str:
    """Compare one page of refunds with our rows; one query where nothing is new."""
    page = _page(run, lambda provider: provider.list_refunds(since=run.since, cursor=run.cursor))
    ids = [report.remote_id for report in page.refunds]
    rows = Refund.objects.filter(payment__account=run.account, remote_id__in=ids)
    known = dict(rows.values_list("remote_id", "state"))
    run.count("refunds", len(ids))
    for report in page.refunds:
        is_new = known.get(report.remote_id) != Refund.State.SUCCEEDED
        if report.said is Said.SUCCEEDED and (is_new or report.is_receipt_failed):
            with _set_aside(run, report.remote_payment_id):
                run.count("refunds taken in", bool(take_in_refund(run.account, report, source=SOURCE)))
    return page.cursor


def _look_for_missing(run: Run) -> str:
    """Ask by id for what is booked here and was not on any page; what is not there either goes to staff.

    A few at a time; returns the last of them, nothing when all were asked for.
    """
    unseen = Payment.objects.filter(
        Q(checked_at__isnull=True) | Q(checked_at__lt=run.began),
        account=run.account,
        state=Payment.State.SUCCEEDED,
        succeeded_at__gte=run.since + MARGIN,
        succeeded_at__lt=run.began - MARGIN,
        pk__gt=int(run.cursor or 0),
    )
    found = list(unseen.select_related("account", "order").order_by("pk")[:MISSING_AT_ONCE])
    for payment in found:
        try:
            read_back(payment, source=SOURCE)
        except ProviderNotFound:
            alert_missing(payment)
            run.count("missing there")
        except AnswerOdd:
            run.count("unread")
    return str(found[-1].pk) if len(found) == MISSING_AT_ONCE else ""
