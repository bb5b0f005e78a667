"""How much can go back, out of which account, and how much access goes with it. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor

from django.db.models import Sum
from django.db.models.functions import Coalesce

from accounts.models import User
from billing.errors import NoSuchPayment, NothingToRefund
from billing.models import JournalEntry, Order, Payment, Refund
from billing.services.rules import rules
from core import clock, money
from core.clock import DAY
from subscriptions import services as subscriptions

Account = JournalEntry.Account
Booked = Payment.Booked


@dataclass(frozen=True)
class RefundPreview:
    """What a refund would do. `unused_amount`: the price of the time that is still to come, rounded down.

    `seconds` of access go with `amount`. Without access to shorten, both ends are None.
    """

    currency: str
    amount: Decimal
    amount_left: Decimal
    unused_amount: Decimal
    seconds: int
    ends_before: datetime | None
    ends_after: datetime | None
    is_within_window: bool


@dataclass(frozen=True)
class Share:
    """How much of what a payment bought goes with a sum. `asked` None: all that is unused."""

    asked: int | None
    seconds: int
    unused_amount: Decimal
    ends_before: datetime
    ends_after: datetime


def preview_refund(payment_id: int, *, amount: Decimal | None = None) -> RefundPreview:
    """Return what sending `amount` back (None: all that is left) would do. Changes nothing.

    Raises NoSuchPayment, NothingToRefund.
    """
    payment = Payment.objects.select_related("order").filter(pk=payment_id).first()
    if payment is None:
        raise NoSuchPayment(f"there is no payment {payment_id}")
    require_money(payment)
    left = amount_left(payment)
    wanted = left if amount is None else amount
    share = access_share(payment, wanted, left=left)
    return RefundPreview(
        currency=payment.received_currency,
        amount=wanted,
        amount_left=left,
        unused_amount=min(share.unused_amount, left) if share else left,
        seconds=share.seconds if share else 0,
        ends_before=share.ends_before if share else None,
        ends_after=share.ends_after if share else None,
        is_within_window=_is_within_window(payment),
    )


def require_money(payment: Payment) -> Decimal:
    """Return what came in by the payment. Raises NothingToRefund if nothing is booked."""
    if payment.received_amount is None or payment.booked_as == Booked.NOWHERE:
        raise NothingToRefund(f"payment {payment.pk} is {payment.state}: there is no money of it")
    return payment.received_amount


def amount_left(payment: Payment) -> Decimal:
    """Return what can still go back: what came in without every refund that did not fail. One query.

    To decide by it, lock the payment first.
    """
    return require_money(payment) - amount_of(payment, *(set(Refund.State) - {Refund.State.FAILED}))


def amount_of(payment: Payment, *states: Refund.State) -> Decimal:
    """Return the sum of the payment's refunds in these states. One query."""
    found = Refund.objects.filter(payment=payment, state__in=states)
    total: Decimal = found.aggregate(total=Coalesce(Sum("amount"), Decimal(0)))["total"]
    return total.quantize(Decimal("0.01"))


def is_given(payment: Payment) -> bool:
    """Tell whether access was given for this payment."""
    order = payment.order
    return payment.booked_as == Booked.ORDER and order is not None and order.fulfilled_at is not None


def access_share(payment: Payment, amount: Decimal, *, left: Decimal) -> Share | None:
    """Return the access that goes with `amount`; None if nothing was given for the payment.

    A part of the price takes the same part of the time that was bought. The price of all unused time, or
    the last of the money, takes all that is unused. Time that has passed is never taken.
    """
    if not is_given(payment):
        return None
    assert payment.order is not None
    whole = subscriptions.preview_take_back(source=payment.order.source)
    price = require_money(payment)
    unused = floored(Fraction(price) * whole.seconds / max(whole.total_seconds, 1), payment.received_currency)
    if amount >= min(left, unused):
        return Share(None, whole.seconds, unused, whole.ends_before, whole.ends_after)
    seconds = floor(Fraction(amount) / Fraction(price) * whole.total_seconds)
    part = subscriptions.preview_take_back(source=payment.order.source, seconds=seconds)
    return Share(seconds, part.seconds, unused, part.ends_before, part.ends_after)


def floored(amount: Fraction, currency: str) -> Decimal:
    """Return the amount rounded down to the currency's smallest unit."""
    places = money.PLACES[currency]
    return Decimal(floor(amount * 10**places)).scaleb(-places)


def account_of(payment: Payment) -> JournalEntry.Account:
    """Return the account in which the payment's money lies now."""
    if payment.booked_as != Booked.ORDER:
        return Account.CREDIT if payment.booked_as == Booked.CREDIT else Account.SUSPENSE
    return Account.SALES if is_given(payment) else Account.PREPAID


def customer_of(payment: Payment) -> User | None:
    """Return whose money it is: the payer's, or whom staff gave money of unknown origin to."""
    if payment.order is not None:
        return payment.order.payer
    credited = JournalEntry.objects.filter(payment=payment, credit=Account.CREDIT, customer__isnull=False)
    entry = credited.select_related("customer").order_by("-id").first()
    return entry.customer if entry else None


def pays_for(payment: Payment) -> Order | None:
    """Return the order this payment paid; not one that another payment had paid before."""
    order = payment.order
    if order is None or payment.booked_as == Booked.ORDER:
        return order
    refused = JournalEntry.objects.filter(fact=f"refused:{order.subject}", payment=payment)
    return order if order.refusal and refused.exists() else None


def _is_within_window(payment: Payment) -> bool:
    assert payment.succeeded_at is not None
    return clock.now() - payment.succeeded_at <= rules().refund_days * DAY
