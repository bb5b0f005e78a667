"""Payments that were really paid at the stand-in, and what can happen to them there."""

import uuid
from datetime import timedelta
from decimal import Decimal

from accounts.models import User
from billing.models import JournalEntry, Order, Payment, Refund
from billing.providers.base import RefundReport
from billing.services import request_refund, send_payment
from billing.services.accounts import provider_of
from billing.services.payments import apply_provider_state
from billing.services.refunds import work_due
from core import clock
from subscriptions.models import Subscription
from tests.factories import make_payment
from tests.money import money_at
from tests.world import PaymentWorld

Account = JournalEntry.Account


def read_back(payment: Payment) -> Payment:
    assert payment.account is not None
    said = provider_of(payment.account).read(payment.remote_id)
    return apply_provider_state(payment.pk, said, source="test")


def sent(customer: User | None = None, *, plan: str = "month") -> Payment:
    payment = make_payment(customer, plan=plan)
    send_payment(payment.pk)
    return Payment.objects.get(pk=payment.pk)


def paid(yookassa: PaymentWorld, customer: User | None = None, *, plan: str = "month") -> Payment:
    """A payment of 299 for 30 days, paid at the provider, booked and fulfilled here."""
    payment = sent(customer, plan=plan)
    yookassa.pay(payment.remote_id, notify=False)
    read_back(payment)
    return Payment.objects.select_related("account", "order").get(pk=payment.pk)


def ask_back(payment: Payment, amount: int | str = 299, **terms: object) -> Refund:
    """Let staff ask for a refund."""
    given = {"reason": "does not work for them", "form_uuid": uuid.uuid4(), "takes_access": True, **terms}
    return request_refund(payment.pk, amount=Decimal(amount), actor="olga", **given)


def work(refund: Refund, *, sent_before: timedelta | None = None) -> Refund:
    """Let the worker take the refund now, whatever pause it is in."""
    changed = {"next_try_at": clock.now() - timedelta(seconds=1)}
    if sent_before is not None:
        changed["first_sent_at"] = clock.now() - sent_before
    Refund.objects.filter(pk=refund.pk).update(**changed)
    work_due()
    return reread(refund)


def reread(refund: Refund) -> Refund:
    return Refund.objects.select_related("payment__order").get(pk=refund.pk)


def end_of(payment: Payment) -> Subscription:
    assert payment.order is not None
    return Subscription.objects.get(user=payment.order.payer)


def days_left(payment: Payment) -> int:
    return max(round((end_of(payment).expires_at - clock.now()).total_seconds() / 86_400), 0)


def assert_books_agree(yookassa: PaymentWorld) -> None:
    """What lies at the provider by our journal is what it says itself; and nothing is left on its way."""
    theirs = sum(
        Decimal(row["value"]) - Decimal(row["refunded"])
        for row in yookassa.books()["payments"]
        if row["status"] == "succeeded"
    )
    assert money_at(Account.PROVIDER) + money_at(Account.FEES) == theirs
    assert money_at(Account.REFUNDS) == 0


def posts(yookassa: PaymentWorld) -> list[dict]:
    """Return the refunds that were asked of the provider."""
    return yookassa.calls("POST /v3/refunds")


def order_of(payment: Payment) -> Order:
    return Order.objects.get(pk=payment.order_id)


def refunds_there(yookassa) -> list[str]:
    return [row["status"] for row in yookassa.books()["refunds"]]


def in_the_cabinet(yookassa, payment: Payment, amount: str | None = None) -> RefundReport:
    """Refund past the shop, and return what its notice leads to."""
    made = yookassa.refund(payment.remote_id, amount)
    said: RefundReport = provider_of(payment.account).read_refund(made["id"])
    return said
