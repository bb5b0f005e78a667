"""Taking in what stands in a provider's books and is ours, however we came to hear of it."""

from dataclasses import dataclass

from billing.errors import ProviderNotFound
from billing.models import Payment, ProviderAccount
from billing.providers.base import PaymentReport, RefundReport, Said
from billing.services.calls.checking import read_back
from billing.services.calls.outside import ask_provider, read_remote
from billing.services.payments import import_payment, is_key
from billing.services.refunds import import_or_apply_refund


@dataclass(frozen=True)
class Taken:
    """Something of ours from the provider's books: what it says, and the payment it belongs to, if any."""

    said: Said
    payment: Payment | None


def take_in(account: ProviderAccount, remote_id: str, *, is_refund: bool, source: str) -> Taken | None:
    """Read a payment or refund in the account's books, and book it.

    None if there is no such object, or it is not ours. Safe to repeat; not inside a transaction.
    Raises OutsideError.
    """
    try:
        if is_refund:
            refund: RefundReport = ask_provider(account, lambda provider: provider.read_refund(remote_id))
            return take_in_refund(account, refund, source=source)
        payment = read_remote(account, remote_id)
    except ProviderNotFound:
        return None
    return take_in_payment(account, payment, source=source)


def take_in_payment(account: ProviderAccount, report: PaymentReport, *, source: str) -> Taken | None:
    """Book a payment that carries our key or an id we know; None for somebody else's in the same shop."""
    is_known = Payment.objects.filter(account=account, remote_id=report.remote_id).exists()
    if not is_known and not is_key(report.key):
        return None
    return Taken(report.said, import_payment(account, report, source=source))


def take_in_refund(account: ProviderAccount, report: RefundReport, *, source: str) -> Taken | None:
    """Book a refund of a payment of ours, after the payment itself; None for somebody else's.

    Raises OutsideError.
    """
    payment = Payment.objects.filter(account=account, remote_id=report.remote_payment_id).first()
    if payment is None:
        paid = take_in(account, report.remote_payment_id, is_refund=False, source=source)
        if paid is None:
            return None
        payment = paid.payment
    elif not payment.booked_as:
        read_back(payment, source=source)
    import_or_apply_refund(account, report, source=source)
    return Taken(report.said, payment)
