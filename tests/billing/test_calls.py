"""When payments are read back, who may ask, and what a run of the sweep costs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Decision, Payment, PaymentEvent
from billing.services import check_payment, send_payment
from billing.services.calls import check_due, next_check_at, send_due
from core.errors import InstallationMismatch
from core.models import Installation
from tests.billing.notices import reread
from tests.billing.sending import CREATE, READ, come_due, made_at_provider, seconds_until, sent_payment
from tests.factories import make_payment, make_provider_account

State = Payment.State
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "seconds"),
    [(0, 30), (31, 29), (65, 55), (130, 170), (310, 290), (601, 599), (1300, 1100), (2401, 1499),
     (3901, 3600), (25 * 3600 - 60, 3600)],
)  # fmt: skip
def test_an_open_payment_is_read_back_by_the_schedule(age, seconds):
    sent = timezone.now() - timedelta(seconds=age)
    at = next_check_at(Payment(state=State.PENDING, first_sent_at=sent))
    assert seconds_until(at) == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(("state", "age"), [(State.PENDING, 26 * HOUR), (State.SUCCEEDED, HOUR)])
def test_what_is_over_or_too_old_is_left_to_the_nightly_comparison(state, age):
    assert next_check_at(Payment(state=state, first_sent_at=timezone.now() - age)) is None


def test_a_payment_is_not_read_back_before_its_time(account, yookassa):
    payment = sent_payment()
    yookassa.forget_calls()
    assert check_due() == 0
    assert 25 < seconds_until(payment.next_try_at) <= 30
    assert yookassa.calls() == []


def test_each_reading_is_counted_and_puts_off_the_next(account, yookassa):
    payment = sent_payment()
    come_due(ago=timedelta(seconds=70))
    check_due()
    payment = reread(payment)
    assert (payment.checks, payment.state) == (1, State.PENDING)
    assert 40 < seconds_until(payment.next_try_at) <= 50


def test_a_payment_being_sent_elsewhere_is_left_alone(account, yookassa):
    payment = make_payment()
    Payment.objects.update(claimed_until=timezone.now() + timedelta(seconds=30), next_try_at=timezone.now())
    send_payment(payment.pk)
    assert send_due() == 0
    assert yookassa.calls(CREATE) == []


def test_sending_twice_makes_one_call(account, yookassa):
    payment = make_payment()
    for _ in range(3):
        send_payment(payment.pk)
    assert len(yookassa.calls(CREATE)) == 1


def test_an_unknown_outcome_is_not_repeated_by_every_press(account, yookassa):
    payment = make_payment()
    yookassa.fail(CREATE, "error", status=500)
    for _ in range(3):
        send_payment(payment.pk)
    assert len(yookassa.calls(CREATE)) == 1


def test_a_press_that_was_cut_off_before_sending_is_made_up_for(account, yookassa):
    payment = make_payment()
    assert 0 < seconds_until(payment.next_try_at) <= 15
    come_due()
    assert send_due() == 1
    assert len(made_at_provider(yookassa, payment)) == 1


def test_staff_may_read_any_payment_back_and_it_leaves_a_line(account, yookassa):
    payment = sent_payment()
    yookassa.decline(payment.remote_id, notify=False)
    assert check_payment(payment.pk, asked_by="olga")
    assert reread(payment).state == State.CANCELED
    Payment.objects.update(checked_at=None)
    assert check_payment(payment.pk, asked_by="olga")
    assert PaymentEvent.objects.filter(actor="olga", text="canceled").exists()


def test_a_booked_payment_the_provider_no_longer_knows_is_put_to_staff(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    check_payment(payment.pk, asked_by="customer")
    Payment.objects.update(checked_at=None)
    yookassa.reset()
    assert not check_payment(payment.pk, asked_by="olga")
    assert Decision.objects.get().kind == Decision.Kind.MISSING_THERE


def test_a_repeated_failure_leaves_one_line_not_one_a_minute(account, yookassa):
    payment = make_payment()
    yookassa.fail(CREATE, "error", status=500)
    for _ in range(4):
        send_payment(payment.pk)
        come_due()
    assert PaymentEvent.objects.filter(kind=PaymentEvent.Kind.FAILED).count() == 1


def test_one_account_that_fails_does_not_hold_up_another(account, yookassa):
    bad = make_provider_account(remote_account="999", secret="wrong", position=1)
    payments = [sent_payment() for _ in range(3)]
    Payment.objects.filter(pk__lt=payments[2].pk).update(account=bad)
    come_due()
    yookassa.pay(payments[2].remote_id, notify=False)
    check_due()
    assert reread(payments[2]).state == State.SUCCEEDED
    assert len([call for call in yookassa.calls(READ) if call["status"] == 401]) == 1


def test_each_payment_costs_the_same_however_many_wait(account, yookassa):
    few, more, many = [cost_of_a_run(over=number) for number in (2, 4, 10)]
    assert (many - more) / 6 == (more - few) / 2


def test_a_copy_of_the_shop_calls_nobody(account, yookassa):
    payment = make_payment()
    Installation.objects.update(id="00000000-0000-4000-8000-00000000000f")
    for call in (lambda: send_payment(payment.pk), send_due, check_due):
        with pytest.raises(InstallationMismatch):
            call()
    assert yookassa.calls() == []


def cost_of_a_run(*, over: int) -> int:
    """Return the queries of a run over so many open payments."""
    for _ in range(over - Payment.objects.count()):
        sent_payment()
    come_due()
    with CaptureQueriesContext(connection) as queries:
        assert check_due() == over
    return len(queries)
