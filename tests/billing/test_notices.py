"""A notice says that something happened; what happened is asked of the provider itself."""

from billing.models import JournalEntry, Notice, Order, Payment
from billing.services import send_payment
from billing.services.notices import work_notices
from tests.billing.notices import deliver, notice_of, reread
from tests.factories import make_payment


def test_a_paid_payment_is_booked_and_given_after_its_notice(account, yookassa):
    payment = make_payment()
    send_payment(payment.pk)
    shown = yookassa.pay(reread(payment).remote_id)
    assert deliver(notice_of(shown)) == 200
    assert work_notices() == 1
    payment = reread(payment)
    assert (payment.state, payment.order.state) == (Payment.State.SUCCEEDED, Order.State.FULFILLED)
    assert Notice.objects.get().state == Notice.State.DONE
    assert JournalEntry.objects.filter(fact__startswith="charge:").count() == 1
