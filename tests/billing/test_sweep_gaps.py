"""What a comparison of books must not trip over, and how far back it looks after a time away."""

from datetime import timedelta

import pytest

from billing.models import Decision, Notice, Payment, ProviderAccount, Refund
from billing.services.notices import work_notices
from billing.services.sweeps import sweep_nightly, sweep_payments
from core import clock, jobs
from core.models import Job
from tests.billing.notices import deliver, notice_of
from tests.factories import make_customer
from tests.refunding import paid, sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
DAY = timedelta(days=1)
ODD = {"id": "odd-one", "payment_id": "x", "status": "succeeded", "amount": "a lot"}


def finish() -> Job:
    jobs.run_due()
    return Job.objects.latest("pk")


def moved(payment: Payment) -> Payment:
    """The payment in the past of the hour, where the sweep looks for what is missing there."""
    Payment.objects.filter(pk=payment.pk).update(succeeded_at=clock.now() - timedelta(hours=2))
    return payment


@pytest.mark.parametrize("sweep", [sweep_payments, sweep_nightly])
def test_refunds_that_cannot_be_read_stop_no_comparison(yookassa, sweep):
    payment, other = paid(yookassa), sent(make_customer())
    yookassa.refund(payment.remote_id, "99.67")
    yookassa.pay(other.remote_id, notify=False)
    page = {"type": "list", "items": [ODD]}
    yookassa.fail("GET /v3/refunds", "error", status=200, body=page)
    sweep()
    job = finish()
    assert (job.state, job.result["unread"] > 0) == (Job.State.DONE, True)
    assert Payment.objects.get(pk=other.pk).state == Payment.State.SUCCEEDED


def test_a_refund_in_another_currency_stops_no_comparison(yookassa):
    payment = paid(yookassa)
    made = yookassa.refund(payment.remote_id, "99.67")
    other = {**made, "amount": {"value": "1.00", "currency": "USD"}}
    yookassa.fail("GET /v3/refunds", "error", status=200, body={"type": "list", "items": [other]})
    sweep_nightly()
    assert finish().state == Job.State.DONE
    assert Decision.objects.filter(kind=Decision.Kind.CONTRADICTION, payment=payment).count() == 1
    assert not Refund.objects.exists()


def test_a_payment_that_cannot_be_read_hides_no_missing_one(yookassa):
    odd, gone = moved(paid(yookassa)), moved(paid(yookassa, make_customer()))
    Payment.objects.filter(pk=gone.pk).update(remote_id="nobody-has-this")
    yookassa.fail("GET /v3/payments", "error", status=200, body={"type": "list", "items": []})
    yookassa.fail(f"GET /v3/payments/{odd.remote_id}", "error", status=200, body={"id": "?"})
    sweep_nightly()
    assert finish().state == Job.State.DONE
    assert Decision.objects.filter(kind=Decision.Kind.MISSING_THERE, payment=gone).exists()


@pytest.mark.parametrize("sweep", [sweep_payments, sweep_nightly])
def test_after_a_time_away_the_books_are_read_from_where_they_were_left(yookassa, sweep):
    payment = sent()
    left = clock.now() - 20 * DAY
    ProviderAccount.objects.update(listed_until=left)
    sweep()
    assert Job.objects.get().params["since"] < (left - timedelta(hours=25)).isoformat()
    yookassa.pay(payment.remote_id, notify=False)
    assert finish().state == Job.State.DONE
    assert ProviderAccount.objects.get().listed_until > left + 19 * DAY


def test_books_that_go_round_in_circles_end_the_comparison(yookassa, account):
    page = {"type": "list", "items": [], "next_cursor": "again"}
    yookassa.fail("GET /v3/payments", "error", status=200, body=page)
    sweep_payments()
    jobs.run_due(most_steps=10)
    assert (Job.objects.get().attempts, len(yookassa.calls("GET /v3/payments"))) == (1, 2)


def test_a_notice_sent_before_its_time_does_not_silence_the_genuine_one(yookassa):
    payment = sent()
    shown = {"id": payment.remote_id, "status": "succeeded"}
    deliver(notice_of(shown))
    Notice.objects.update(received_at=clock.now() - timedelta(minutes=11))
    work_notices()
    assert Notice.objects.get().state == Notice.State.DONE
    yookassa.pay(payment.remote_id, notify=False)
    assert deliver(notice_of(shown)) == 200
    work_notices()
    assert Payment.objects.get(pk=payment.pk).state == Payment.State.SUCCEEDED


def test_a_replay_of_a_notice_that_was_worked_off_wakes_nobody(yookassa):
    payment = paid(yookassa)
    shown = {"id": payment.remote_id, "status": "succeeded"}
    deliver(notice_of(shown))
    work_notices()
    yookassa.forget_calls()
    deliver(notice_of(shown))
    work_notices()
    assert (yookassa.calls(), Notice.objects.get().state) == ([], Notice.State.DONE)
