"""What a provider says of a payment becomes money here, and nowhere else."""

import logging
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts import services as accounts
from accounts.models import User
from billing.errors import NoSuchPayment
from billing.models import Decision, JournalEntry, Order, Payment, ProviderAccount
from billing.providers.base import PaymentReport, Said
from billing.services.asking import ask, withdraw
from billing.services.events import Kind, note_event
from billing.services.fulfilling import pay_order
from billing.services.journal import book
from core import clock
from core.nudges import nudge
from core.rows import insert_missing
from notifications.services import tell

log = logging.getLogger(__name__)

State = Payment.State
Booked = Payment.Booked
Account = JournalEntry.Account

STATES = {
    Said.PENDING: State.PENDING,
    Said.HELD: State.HELD,
    Said.SUCCEEDED: State.SUCCEEDED,
    Said.CANCELED: State.CANCELED,
}
LEARNED = ("remote_id", "confirmation_url", "expires_at", "method", "method_title", "reason")
# Not the lease: another process may hold it, and it is not guarded by the payer's lock.
SAVED = (
    *LEARNED,
    "fee",
    "state",
    "received_amount",
    "received_currency",
    "succeeded_at",
    "booked_as",
    "next_try_at",
)


@transaction.atomic
def apply_provider_state(payment_id: int, report: PaymentReport, *, source: str) -> Payment:
    """Book what the provider says of a payment, and give what was bought.

    The one door for notice, poll, sweep and button (`source`). Safe to repeat and to run at once from
    several of them: what is booked already changes nothing, and an earlier state never replaces a later
    one. A report that cannot be about this payment changes nothing and is put to staff.
    Raises NoSuchPayment.
    """
    payment, payer = lock_payment(payment_id)
    if trouble := _mismatch(payment, report):
        _put_to_staff(payment, payer, report, trouble)
        return payment
    is_news = _learn(payment, report)
    state = STATES.get(report.said)
    if state is not None and state != payment.state and payment.may_become(state):
        _move(payment, payer, report, state, source=source)
        return payment
    if state is None:
        log.error("payment %s: the provider says something unknown", payment.pk)
        note_event(payment, Kind.READ, text="unknown state", data=report.raw, actor=source)
    elif state == payment.state:
        _book_fee(payment, report)
        _look_for_refunds(payment, report)
    elif payment.state == State.SUCCEEDED and state == State.CANCELED:
        _put_to_staff(payment, payer, report, Trouble(Decision.Kind.CONTRADICTION, "canceled after success"))
    if is_news:
        payment.save(update_fields=SAVED)
    return payment


@transaction.atomic
def import_payment(account: ProviderAccount, report: PaymentReport, *, source: str) -> Payment | None:
    """Take in a payment found in the provider's books, whether we know it or not.

    One that carries our key is ours; a second one under the same key pays the same order again. One that
    fits nothing is booked and waits for a decision; None if there is no money in it. Safe to repeat.
    """
    payment = Payment.objects.filter(account=account, remote_id=report.remote_id).first()
    payment = payment or _by_key(account, report)
    if payment is None:
        return None
    return apply_provider_state(payment.pk, report, source=source)


def lock_payment(payment_id: int) -> tuple[Payment, User | None]:
    """Lock the payer, and return the payment as it is under the lock, with its order.

    A payment without an order has no payer; then the row itself is locked. Raises NoSuchPayment.
    """
    rows = Payment.objects.filter(pk=payment_id)
    found = list(rows.values_list("order__payer_id", flat=True))
    if not found:
        raise NoSuchPayment(f"there is no payment {payment_id}")
    payer_id: int | None = found[0]
    if payer_id is None:
        return rows.select_for_update(of=("self",)).select_related("account").get(), None
    payer = accounts.lock_customer(payer_id)
    payment = rows.select_related("account", "order").get()
    know_payer(payment.order, payer)
    return payment, payer


def know_payer(order: Order | None, payer: User) -> None:
    """Give the order the locked row of its payer, so that nobody reads it again."""
    assert order is not None
    order.payer = payer
    if order.receiver_id == payer.pk:
        order.receiver = payer


@dataclass(frozen=True)
class Trouble:
    """Why a report is not believed."""

    kind: Decision.Kind
    text: str


def _mismatch(payment: Payment, report: PaymentReport) -> Trouble | None:
    """Tell why this report cannot be about this payment."""
    account = payment.account
    if account is None:
        return Trouble(Decision.Kind.CONTRADICTION, "a payment without an account was reported")
    if report.is_test != account.is_test:
        return Trouble(Decision.Kind.MODE_DIFFERS, "test" if report.is_test else "live")
    if report.remote_account and report.remote_account != account.remote_account:
        return Trouble(Decision.Kind.CONTRADICTION, f"paid to shop {report.remote_account}")
    if payment.remote_id and report.remote_id != payment.remote_id:
        return Trouble(Decision.Kind.CONTRADICTION, f"reported as {report.remote_id}")
    return None


def _put_to_staff(payment: Payment, payer: User | None, report: PaymentReport, trouble: Trouble) -> None:
    ask(
        trouble.kind,
        f"payment:{payment.pk}:{report.remote_id}",
        details={"trouble": trouble.text, "said": report.said, "amount": f"{report.amount}"},
        customer=payer,
        order=payment.order,
        payment=payment,
    )
    log.error("payment %s is not believed: %s", payment.pk, trouble.text)


def _learn(payment: Payment, report: PaymentReport) -> bool:
    """Take over what the provider now knows of the payment; tell whether anything was new."""
    news: dict[str, Any] = {
        name: getattr(report, name)
        for name in LEARNED
        if getattr(report, name) and getattr(report, name) != getattr(payment, name)
    }
    if report.fee is not None and report.fee != payment.fee:
        news["fee"] = report.fee
    for name, value in news.items():
        setattr(payment, name, value)
    if report.is_receipt_failed:
        ask(Decision.Kind.RECEIPT_FAILED, f"payment:{payment.pk}", order=payment.order, payment=payment)
    return bool(news)


def _move(
    payment: Payment, payer: User | None, report: PaymentReport, state: Payment.State, *, source: str
) -> None:
    if payment.state == State.HELD:
        withdraw(Decision.Kind.MONEY_HELD, f"payment:{payment.pk}", reason=str(state))
    payment.state = state
    if state == State.SUCCEEDED:
        _book(payment, payer, report, source=source)
        return
    if state == State.HELD:
        _ask_why_held(payment, payer)
    elif state == State.CANCELED:
        payment.next_try_at = None
        tell_failed(payment, payer)
    payment.save(update_fields=SAVED)
    note_event(payment, Kind.READ, text=str(state), data=report.raw, actor=source)


def _book(payment: Payment, payer: User | None, report: PaymentReport, *, source: str) -> None:
    """Write down the money where it belongs, and let it pay the order if it is what was asked for."""
    payment.received_amount, payment.received_currency = report.amount, report.currency[:8]
    payment.succeeded_at, payment.next_try_at = clock.now(), None
    payment.booked_as = _destination(payment)
    payment.save(update_fields=SAVED)
    note_event(payment, Kind.BOOKED, text=payment.booked_as, data=report.raw, actor=source)
    order = payment.order
    book(
        f"charge:{payment.account_id}:{report.remote_id}",
        debit=Account.PROVIDER,
        credit={
            Booked.ORDER: Account.PREPAID,
            Booked.CREDIT: Account.CREDIT,
            Booked.SUSPENSE: Account.SUSPENSE,
        }[payment.booked_as],
        amount=report.amount,
        currency=report.currency,
        customer=payer,
        account=payment.account,
        order=order,
        payment=payment,
        actor=source,
    )
    _book_fee(payment, report)
    _look_for_refunds(payment, report)
    if payment.booked_as == Booked.ORDER:
        assert order is not None and payer is not None
        pay_order(order, payment, payer, actor=source)
    else:
        _ask_what_to_do(payment, payer)


def _destination(payment: Payment) -> Payment.Booked:
    """Money that is what was asked for pays its order, once; late money too. The rest waits or is kept."""
    order = payment.order
    same = (payment.received_amount, payment.received_currency) == (payment.amount, payment.currency)
    if order is None or not same:
        return Booked.SUSPENSE
    return Booked.ORDER if order.may_become(Order.State.PAID) and not _is_paid(order) else Booked.CREDIT


def _is_paid(order: Order) -> bool:
    """A refunded order may become paid again by its own money only."""
    return order.state not in (Order.State.OPEN, Order.State.CLOSED)


def _ask_what_to_do(payment: Payment, payer: User | None) -> None:
    order = payment.order
    if order is None:
        kind = Decision.Kind.UNKNOWN_PAYMENT
    elif payment.booked_as == Booked.SUSPENSE:
        kind = Decision.Kind.AMOUNT_DIFFERS
    else:
        kind = Decision.Kind.SECOND_PAYMENT
        assert payer is not None
        tell(payer, "paid_twice", dedupe_key=f"paid_twice:{payment.pk}", context={"payment_id": payment.pk})
    details = {
        "asked": f"{payment.amount} {payment.currency}",
        "received": f"{payment.received_amount} {payment.received_currency}",
    }
    ask(kind, f"payment:{payment.pk}", details=details, customer=payer, order=order, payment=payment)


def _book_fee(payment: Payment, report: PaymentReport) -> None:
    if payment.state != State.SUCCEEDED or not report.fee or report.fee < 0:
        return
    book(
        f"fee:{payment.account_id}:{report.remote_id}",
        debit=Account.FEES,
        credit=Account.PROVIDER,
        amount=report.fee,
        currency=report.currency,
        account=payment.account,
        order=payment.order,
        payment=payment,
        actor="provider",
    )


def _look_for_refunds(payment: Payment, report: PaymentReport) -> None:
    """More went back than we know of: somebody refunded in the provider's cabinet."""
    if report.refunded > payment.refunded_amount:
        nudge("billing.tasks.find_refunds", payment.pk)


def _ask_why_held(payment: Payment, payer: User | None) -> None:
    """We always ask for one-stage payments. The money is captured by the sweep; staff hear of it."""
    ask(
        Decision.Kind.MONEY_HELD,
        f"payment:{payment.pk}",
        customer=payer,
        order=payment.order,
        payment=payment,
    )
    payment.next_try_at = clock.now()


def tell_failed(payment: Payment, payer: User | None) -> None:
    """Tell the payer, if there is one, that this try to pay came to nothing."""
    if payer is not None:
        tell(
            payer,
            "payment_failed",
            dedupe_key=f"payment_failed:{payment.pk}",
            context={"payment_id": payment.pk},
        )


def _by_key(account: ProviderAccount, report: PaymentReport) -> Payment | None:
    """Find the payment whose key the provider reports; money that has none gets a row of its own."""
    ours = Payment.objects.filter(key=report.key, account=account).first() if is_key(report.key) else None
    if ours is not None and not ours.remote_id:
        return ours
    if report.said not in (Said.SUCCEEDED, Said.HELD):
        return None
    return _adopt(account, report, order=ours.order if ours else None)


def _adopt(account: ProviderAccount, report: PaymentReport, *, order: Order | None) -> Payment:
    payment = Payment(
        order=order,
        provider=account.kind,
        account=account,
        amount=report.amount if order is None else order.amount,
        currency=report.currency[:4] if order is None else order.currency,
        remote_id=report.remote_id,
        state=State.REJECTED,  # we never asked for it; what the provider says comes on top
    )
    if insert_missing(payment):
        note_event(payment, Kind.CREATED, text="found in the provider's books", actor="provider")
        return payment
    return Payment.objects.get(account=account, remote_id=report.remote_id)


def is_key(text: str) -> bool:
    """Tell whether a text that came from outside can be a key of ours."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
