"""Our books against the provider's: what is missing here is taken in, what is missing there goes to staff."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Decision, JournalEntry, Order, Payment, Refund
from billing.services.sweeps import sweep_nightly, sweep_payments
from core import jobs
from core.models import Job
from tests.billing.failure_modes.foreign import make_foreign
from tests.billing.notices import reread
from tests.billing.sending import sent_payment

State = Payment.State


def run(sweep) -> dict[str, int]:
    """Run a whole comparison and return what it found."""
    sweep()
    jobs.run_due()
    job = Job.objects.latest("pk")
    assert job.state == Job.State.DONE, job.error
    return job.result


@pytest.mark.parametrize("sweep", [sweep_payments, sweep_nightly])
def test_a_payment_whose_notice_was_lost_is_booked_and_given(account, yookassa, sweep):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    assert run(sweep)["taken in"] == 1
    assert reread(payment).order.state == Order.State.FULFILLED


def test_a_second_comparison_finds_nothing_new(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id)
    run(sweep_payments)
    before = JournalEntry.objects.count()
    assert run(sweep_payments) == {"pages": 1, "payments": 1}
    assert JournalEntry.objects.count() == before


def test_a_refund_made_in_the_cabinet_is_taken_in_hourly_too(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id)
    yookassa.refund(payment.remote_id, "100.00")
    run(sweep_payments)
    assert run(sweep_payments).get("refunds taken in", 0) == 0
    assert [f"{refund.amount}" for refund in Refund.objects.all()] == ["100.00"]


def test_a_refund_of_a_payment_older_than_the_window_is_taken_in_nightly(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id)
    run(sweep_payments)
    yookassa.advance(9 * 86_400)
    yookassa.refund(payment.remote_id)
    assert run(sweep_nightly)["refunds taken in"] == 1
    assert reread(payment).refunded_amount == payment.amount


def test_what_another_site_sold_in_the_same_shop_is_left_alone(account, yookassa):
    make_foreign(yookassa)
    assert run(sweep_nightly) == {"pages": 2, "payments": 1, "refunds": 0}
    assert not Payment.objects.exists()


def test_money_booked_here_and_unknown_there_is_put_to_staff(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id)
    run(sweep_payments)
    yookassa.reset()
    let_succeed_earlier()
    assert run(sweep_nightly)["missing there"] == 1
    assert Decision.objects.get().kind == Decision.Kind.MISSING_THERE
    assert reread(payment).state == State.SUCCEEDED


def test_another_amount_there_than_in_the_journal_is_put_to_staff(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id)
    run(sweep_payments)
    JournalEntry.objects.filter(fact__startswith="charge:").update(amount=1)
    run(sweep_payments)
    assert Decision.objects.get().details == {"booked": "1.00 RUB", "provider": "299.00 RUB"}


def test_a_comparison_that_was_cut_off_goes_on_where_it_was(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    sweep_nightly()
    yookassa.fail("GET /v3/refunds", "error", times=1)
    jobs.run_due()
    assert reread(payment).state == State.SUCCEEDED
    Job.objects.update(next_try_at=timezone.now())
    jobs.run_due()
    assert Job.objects.get().state == Job.State.DONE
    assert len(yookassa.calls("GET /v3/payments")) == 1


def test_unchanged_payments_cost_one_call_and_one_query_a_page(account, yookassa):
    few = costs(3, yookassa, sweep_payments)
    many = costs(15, yookassa, sweep_payments)
    assert few == many
    assert many[0] == 1


def test_nothing_is_asked_for_by_its_id_that_was_seen_on_a_page(account, yookassa):
    few = costs(2, yookassa, sweep_nightly)
    many = costs(10, yookassa, sweep_nightly)
    assert few == many
    assert many[0] == 2


def costs(number: int, yookassa, sweep) -> tuple[int, int]:
    """Return the calls and the queries of a comparison in which `number` payments more are as they were."""
    for remote_id in [sent_payment().remote_id for _ in range(number)]:
        yookassa.pay(remote_id)
    run(sweep_payments)
    let_succeed_earlier()
    yookassa.forget_calls()
    with CaptureQueriesContext(connection) as queries:
        run(sweep)
    return len(yookassa.calls()), len(queries)


def let_succeed_earlier() -> None:
    earlier = timezone.now() - timedelta(hours=2)
    Payment.objects.update(succeeded_at=earlier, checked_at=earlier)
