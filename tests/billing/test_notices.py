"""A notice says that something happened; what happened is asked of the provider itself."""

from datetime import timedelta

import pytest

from accounts.models import AuditEvent
from billing.models import JournalEntry, Notice, Order, Payment, Refund
from billing.services import check_payment
from billing.services.notices import retry, work_notices
from core import clock
from core.services import claim_installation
from tests.billing.failure_modes.foreign import make_foreign
from tests.billing.notices import deliver, notice_of, reread
from tests.billing.sending import come_due, fail, is_given_once, seconds_until, sent_payment
from tests.factories import make_provider_account
from tests.shop import wait_for

State = Notice.State


def broken_notice() -> Notice:
    """A notice whose working off meets a defect: nothing like it passes the door."""
    return Notice.objects.create(provider="yookassa", dedupe_key="broken", body="{")


def test_a_paid_payment_is_booked_and_given_after_its_notice(account, yookassa):
    payment = sent_payment()
    assert deliver(notice_of(yookassa.pay(payment.remote_id))) == 200
    assert work_notices() == 1
    payment = reread(payment)
    assert (payment.state, payment.order.state) == (Payment.State.SUCCEEDED, Order.State.FULFILLED)
    assert (Notice.objects.get().state, Notice.objects.get().payment) == (State.DONE, payment)
    assert JournalEntry.objects.filter(fact__startswith="charge:").count() == 1


def test_the_notice_of_a_second_payment_stands_in_the_line_of_that_one(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    check_payment(payment.pk, asked_by="customer")
    second = make_foreign(yookassa, key=str(payment.key), amount="299.00")
    shown = next(row for row in yookassa.payments() if row["id"] == second)
    deliver(notice_of(shown))
    work_notices()
    assert Notice.objects.get().payment.remote_id == second


def test_a_declined_payment_is_over_after_its_notice(account, yookassa):
    payment = sent_payment()
    deliver(notice_of(yookassa.decline(payment.remote_id, reason="insufficient_funds")))
    work_notices()
    assert (reread(payment).state, reread(payment).reason) == ("canceled", "insufficient_funds")


def test_the_stand_ins_own_delivery_reaches_the_key(live_db, live_server, yookassa):
    claim_installation()
    make_provider_account()
    yookassa.set_webhook(f"{live_server.url}/webhooks/yookassa")
    payment = sent_payment()
    yookassa.pay(payment.remote_id)
    wait_for(Notice.objects.exists)
    work_notices()
    assert is_given_once(payment)
    assert [row["state"] for row in yookassa.deliveries()] == ["delivered"]


def test_a_refund_told_before_its_payment_books_both(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    deliver(notice_of(yookassa.refund(payment.remote_id, "99.00")))
    work_notices()
    assert reread(payment).state == Payment.State.SUCCEEDED
    assert [f"{refund.amount}" for refund in Refund.objects.all()] == ["99.00"]
    assert Notice.objects.get().state == State.DONE


def test_a_notice_that_breaks_holds_up_no_other(account, yookassa):
    broken_notice()
    payment = sent_payment()
    deliver(notice_of(yookassa.pay(payment.remote_id)))
    assert work_notices() == 2
    assert is_given_once(payment)
    assert "not JSON" in Notice.objects.get(dedupe_key="broken").error


def test_a_notice_that_keeps_breaking_waits_for_staff_who_may_try_again(account):
    notice = broken_notice()
    for _ in range(10):
        work_notices()
        come_due()
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == (State.DEAD, 8)
    assert retry([notice.pk], actor="olga") == 1
    assert work_notices() == 1
    assert AuditEvent.objects.get(action="notices.revived").actor == "olga"


@pytest.mark.parametrize("fields", [{"state": State.DONE}, {"state": State.DEAD, "body": ""}])
def test_only_what_was_given_up_and_is_still_there_is_tried_again(account, fields):
    notice = broken_notice()
    Notice.objects.update(**fields)
    assert retry([notice.pk], actor="olga") == 0
    assert work_notices() == 0


def test_in_an_outage_a_notice_is_tried_ever_less_often_but_each_minute(account, yookassa):
    deliver(notice_of(yookassa.pay(sent_payment().remote_id)))
    yookassa.outage(True)
    pauses = []
    for _ in range(9):
        work_notices()
        pauses.append(round(seconds_until(Notice.objects.get().next_try_at)))
        come_due()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_after_an_outage_of_more_than_a_day_it_is_left_to_the_comparison(account, yookassa):
    deliver(notice_of(yookassa.pay(sent_payment().remote_id)))
    fail(yookassa, "*", kind="refuse", times=None)
    come_due(ago=timedelta(hours=27))
    work_notices()
    assert Notice.objects.get().state == State.DEAD


def test_another_process_at_the_same_notice_is_left_to_it(account, yookassa):
    deliver(notice_of(yookassa.pay(sent_payment().remote_id)))
    Notice.objects.update(claimed_until=clock.now() + timedelta(seconds=30))
    assert work_notices() == 0
