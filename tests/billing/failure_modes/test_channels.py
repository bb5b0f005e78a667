"""Notices that are repeated, race, come early, come never, or lie."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from billing import tasks
from billing.models import Decision, Notice, Order, Payment
from billing.services import check_payment, send_payment
from billing.services.calls import check_due
from billing.services.notices import forget_old_bodies, work_notices
from billing.services.sweeps import HOURLY, NIGHTLY, sweep_nightly
from core import jobs
from core.services import claim_installation
from tests.billing.failure_modes.foreign import make_foreign
from tests.billing.notices import deliver, notice_of, reread
from tests.billing.sending import (
    CREATE,
    READ,
    at_once,
    charges,
    come_due,
    in_background,
    is_given_once,
    sent_payment,
)
from tests.factories import make_payment, make_provider_account
from tests.shop import wait_for

State = Payment.State


@pytest.fixture
def live_account(live_db, yookassa):
    claim_installation()
    return make_provider_account()


def state_of_notice() -> tuple[str, str]:
    notice = Notice.objects.get()
    return notice.state, notice.error


def test_f01_fifty_copies_of_a_notice_at_once_book_and_give_once(live_account, yookassa):
    payment = sent_payment()
    notice = notice_of(yookassa.pay(payment.remote_id))
    answers = at_once(lambda: [deliver(notice) for _ in range(10)] for _ in range(5))
    assert answers == [[200] * 10] * 5
    at_once([work_notices] * 3)
    assert Notice.objects.count() == 1
    assert is_given_once(payment)


def test_f02_notice_poll_button_and_sweep_at_once_book_and_give_once(live_account, yookassa):
    payment = sent_payment()
    deliver(notice_of(yookassa.pay(payment.remote_id)))
    come_due()
    sweep_nightly()
    at_once([work_notices, check_due, lambda: check_payment(payment.pk, asked_by="customer"), jobs.run_due])
    work_notices()
    assert is_given_once(payment)


def test_f06_a_notice_before_the_answer_to_our_call_is_booked(live_account, yookassa):
    payment = make_payment()
    yookassa.fail(CREATE, "delay", seconds=1.5, after=True)
    sending = in_background(lambda: send_payment(payment.pk))
    wait_for(lambda: yookassa.books()["payments"])
    deliver(notice_of(yookassa.emu("POST", "pay", idempotence_key=str(payment.key))))
    assert reread(payment).remote_id == ""
    work_notices()
    assert reread(payment).order.state == Order.State.FULFILLED
    sending.join(10)
    assert is_given_once(payment)
    assert reread(payment).state == State.SUCCEEDED


def test_f07_a_payment_whose_notice_is_lost_is_found_by_the_poll(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    assert tasks.work_payments() == 0
    come_due()
    assert tasks.work_payments() == 1
    assert is_given_once(payment)


def test_f07_the_customers_button_asks_at_once_but_gently(account, yookassa):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    yookassa.forget_calls()
    assert [check_payment(payment.pk, asked_by="customer") for _ in range(5)] == [True] + [False] * 4
    assert is_given_once(payment)
    assert len(yookassa.calls(READ)) == 1


def test_f08_what_happened_while_we_were_down_for_days_is_taken_in(account, yookassa):
    yookassa.advance(-6 * 86_400)
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    yookassa.emu("POST", "clock", real=True)
    Payment.objects.update(next_try_at=None, created_at=timezone.now() - timedelta(days=6))
    sweep_nightly()
    jobs.run_due()
    assert is_given_once(payment)


def test_f08_the_sweeps_look_back_further_than_notices_are_repeated():
    repeated_for = timedelta(hours=24)
    assert repeated_for < HOURLY < timedelta(hours=32) < NIGHTLY


def test_f14_a_notice_that_lies_books_nothing(account, yookassa):
    payment = sent_payment()
    shown = next(row for row in yookassa.payments() if row["id"] == payment.remote_id)
    assert deliver(notice_of({**shown, "status": "succeeded", "paid": True})) == 200
    work_notices()
    assert (reread(payment).state, charges()) == (State.PENDING, [])
    come_due(ago=timedelta(minutes=11))
    work_notices()
    assert state_of_notice() == ("done", "the notice says succeeded, the provider pending")
    assert (reread(payment).state, charges()) == (State.PENDING, [])


def test_f14_while_the_provider_cannot_be_asked_nothing_is_believed(account, yookassa):
    payment = sent_payment()
    deliver(notice_of(yookassa.pay(payment.remote_id)))
    yookassa.outage(True)
    work_notices()
    assert (reread(payment).state, Notice.objects.get().state) == (State.PENDING, Notice.State.RECEIVED)
    yookassa.outage(False)
    come_due()
    work_notices()
    assert is_given_once(payment)


def test_f14_our_key_on_somebody_elses_payment_books_nothing(account, yookassa):
    payment = sent_payment()
    stolen = make_foreign(yookassa)
    shown = next(row for row in yookassa.payments() if row["id"] == stolen)
    deliver(notice_of({**shown, "metadata": {"payment_key": str(payment.key)}}))
    work_notices()
    come_due(ago=timedelta(minutes=11))
    work_notices()
    assert Notice.objects.get().state == Notice.State.FOREIGN
    assert (Payment.objects.count(), charges()) == (1, [])


def test_f14_an_invented_payment_is_nobodys_after_ten_minutes(account, yookassa):
    deliver(notice_of({"id": "2f7a1c9e-000f-5001-9000-1d2c3b4a5968", "status": "succeeded"}))
    work_notices()
    assert Notice.objects.get().state == Notice.State.RECEIVED
    come_due(ago=timedelta(minutes=11))
    work_notices()
    assert Notice.objects.get().state == Notice.State.FOREIGN
    assert not Payment.objects.exists()


def test_f15_an_old_notice_replayed_after_its_body_is_gone_changes_nothing(account, yookassa):
    payment = sent_payment()
    notice = notice_of(yookassa.pay(payment.remote_id))
    deliver(notice)
    work_notices()
    assert forget_old_bodies(timezone.now() + timedelta(days=1)) == 1
    assert deliver(notice) == 200
    assert (work_notices(), Notice.objects.count()) == (0, 1)
    assert is_given_once(payment)


def test_f46_a_notice_of_another_shop_of_ours_is_asked_of_that_shop(account, yookassa):
    yookassa.put_shop(shop_id="200600", secret_key="test_other_secret")
    other = make_provider_account(remote_account="200600", secret="test_other_secret", position=1)
    payment = make_payment_at(other)
    deliver(notice_of(yookassa.pay(payment.remote_id)))
    work_notices()
    assert is_given_once(payment)
    assert reread(payment).account_id == other.pk


def test_f46_a_payment_to_a_shop_that_is_not_ours_is_credited_to_nobody(account, yookassa):
    yookassa.put_shop(shop_id="999", secret_key="test_stranger")
    stranger = make_foreign(yookassa, shop_id="999", secret="test_stranger", key=str(make_payment().key))
    shown = next(row for row in yookassa.payments() if row["id"] == stranger)
    deliver(notice_of(shown))
    come_due(ago=timedelta(minutes=11))
    work_notices()
    assert (Notice.objects.get().state, charges()) == (Notice.State.FOREIGN, [])


def test_f47_what_another_site_sells_in_our_shop_is_kept_as_foreign(account, yookassa):
    foreign = make_foreign(yookassa)
    shown = next(row for row in yookassa.payments() if row["id"] == foreign)
    assert deliver(notice_of(shown)) == 200
    come_due(ago=timedelta(minutes=11))
    work_notices()
    assert Notice.objects.get().state == Notice.State.FOREIGN
    assert not Payment.objects.exists() and not Decision.objects.exists()


def test_f47_the_provider_is_asked_about_an_unknown_payment_when_patience_ends(account, yookassa):
    lost = make_foreign(yookassa, key=str(uuid4()))
    shown = next(row for row in yookassa.payments() if row["id"] == lost)
    deliver(notice_of(shown))
    for _ in range(30):
        work_notices()
        if (notice := Notice.objects.get()).state != Notice.State.RECEIVED:
            break
        passing = notice.next_try_at - timezone.now()
        Notice.objects.update(received_at=notice.received_at - passing, next_try_at=timezone.now())
    assert notice.payment is not None and notice.payment.remote_id == lost
    assert Decision.objects.get().kind == Decision.Kind.UNKNOWN_PAYMENT


def test_f47_a_refund_of_another_sites_payment_is_foreign_too(account, yookassa):
    refund = yookassa.refund(make_foreign(yookassa))
    deliver(notice_of(refund))
    come_due(ago=timedelta(minutes=11))
    work_notices()
    assert Notice.objects.get().state == Notice.State.FOREIGN
    assert not Decision.objects.exists()


def test_f53_the_body_is_kept_to_the_byte(db):
    body = (
        '{"type":"notification", "event":"payment.succeeded",\t"object":{"id":"a-1","amount":199.00,"t":"Ж"}}'
    )
    assert deliver(body.encode()) == 200
    assert Notice.objects.get().body == body


def make_payment_at(account) -> Payment:
    payment = make_payment()
    Payment.objects.filter(pk=payment.pk).update(account=account)
    send_payment(payment.pk)
    return reread(payment)
