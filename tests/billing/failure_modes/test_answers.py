"""Answers that refuse, hold us off, hang, or say what nobody understands."""

import json
import logging
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import tasks
from billing.models import Decision, Payment, PaymentEvent, ProviderAccount
from billing.services import check_payment, send_payment
from billing.services.accounts import change_account, check_account, offered_accounts
from billing.services.calls import check_due, send_due
from billing.services.notices import work_notices
from billing.services.sweeps import sweep_nightly
from core import jobs
from core.services import claim_installation
from notifications.models import OutboxMessage
from tests.billing.notices import deliver, notice_of, reread
from tests.billing.sending import (
    CREATE,
    READ,
    charges,
    come_due,
    die_while_sending,
    fail,
    in_background,
    is_given_once,
    made_at_provider,
    seconds_until,
    sent_payment,
)
from tests.factories import make_customer, make_payment, make_provider_account, make_staff

State = Payment.State
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("status", [401, 403])
def test_f38_refused_keys_hide_the_account_and_are_told_once(account, yookassa, status):
    make_staff(telegram_id=77)
    fail(yookassa, CREATE, kind="error", status=status, times=3)
    for payment in [make_payment(make_customer()) for _ in range(3)]:
        send_payment(payment.pk)
        assert reread(payment).state == State.SENDING
    assert offered_accounts(timezone.now()) == []
    assert OutboxMessage.objects.filter(kind="provider_refused").count() == 1


def test_f38_with_the_right_key_again_sales_go_on_and_what_waited_is_sent(account, yookassa):
    payment = make_payment()
    yookassa.put_shop(shop_id=account.remote_account, secret_key="test_rotated")
    send_payment(payment.pk)
    assert reread(payment).state == State.SENDING
    change_account(account.pk, actor="olga", secret="test_rotated")
    check_account(account.pk, actor="olga")
    assert offered_accounts(timezone.now()) == [account]
    come_due()
    send_due()
    assert reread(payment).state == State.PENDING


def test_f39_a_busy_provider_is_left_alone_for_as_long_as_it_asks(account, yookassa):
    payments = [sent_payment() for _ in range(3)]
    deliver(notice_of(yookassa.pay(payments[0].remote_id)))
    come_due()
    yookassa.forget_calls()
    fail(yookassa, READ, kind="rate_limit", retry_after=30, times=None)
    assert tasks.work_payments() == 1
    assert tasks.work_payments() + tasks.work_notices() == 0
    assert len(yookassa.calls()) == 1
    assert all(25 < seconds_until(reread(payment).next_try_at) <= 31 for payment in payments[1:])


def test_f39_a_create_that_came_too_fast_is_repeated_with_the_same_key(account, yookassa):
    payment = make_payment()
    fail(yookassa, CREATE, kind="rate_limit", retry_after=7)
    send_payment(payment.pk)
    assert 5 < seconds_until(reread(payment).next_try_at) <= 7
    come_due()
    send_due()
    assert len(made_at_provider(yookassa, payment)) == 1


def test_f40_a_provider_that_hangs_takes_two_threads_of_the_worker_and_no_more(live_db, yookassa):
    claim_installation()
    make_provider_account()
    payments = [sent_payment() for _ in range(4)]
    deliver(notice_of(yookassa.pay(payments[0].remote_id)))
    come_due()
    fail(yookassa, READ, kind="hang", seconds=2, times=None)
    stuck = [in_background(task) for task in (tasks.work_payments, tasks.work_notices)]
    time.sleep(0.5)
    began = time.monotonic()
    assert tasks.work_payments() + tasks.work_notices() + tasks.work_refunds() == 0
    assert time.monotonic() - began < 0.5
    for thread in stuck:
        thread.join(20)
    assert len(yookassa.calls(READ)) == 2, "one call of each sweep, not one for each row"


def test_f40_a_provider_that_failed_too_often_is_not_compared_with_meanwhile(account, yookassa):
    ProviderAccount.objects.update(hidden_until=timezone.now() + timedelta(minutes=5))
    sweep_nightly()
    assert jobs.run_due(most_steps=3) == 1
    assert yookassa.calls() == []


def test_f40_after_five_lost_answers_customers_are_not_sent_there(account, yookassa):
    fail(yookassa, CREATE, kind="error", status=500, times=5)
    for _ in range(5):
        send_payment(make_payment(make_customer()).pk)
    assert offered_accounts(timezone.now()) == []
    come_due()
    send_due()
    assert offered_accounts(timezone.now()) == [account]


def test_f40_a_hanging_provider_costs_the_bot_its_own_patience_only(account, yookassa):
    fail(yookassa, CREATE, kind="hang", seconds=5)
    began = time.monotonic()
    send_payment(make_payment().pk, read_seconds=0.4)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("status", ["on_hold", "SUCCEEDED", "succeeded_maybe"])
def test_f42_a_state_nobody_knows_changes_nothing_and_leaves_a_line(account, yookassa, status):
    payment = sent_payment()
    shown = {**yookassa.payments()[0], "status": status, "new_field": {"deep": [1]}}
    fail(yookassa, READ, kind="error", status=200, body=shown)
    assert check_payment(payment.pk, asked_by="olga")
    assert (reread(payment).state, charges()) == (State.PENDING, [])
    assert PaymentEvent.objects.filter(payment=payment, text="unknown state").exists()


def test_f42_fields_nobody_knows_are_passed_over(account, yookassa):
    payment = sent_payment()
    paid = yookassa.pay(payment.remote_id, notify=False)
    odd = {**paid, "new_field": {"deep": [1]}, "payment_method": {"type": "sbp_from_mars", "id": 5}}
    fail(yookassa, READ, kind="error", status=200, body=odd)
    check_payment(payment.pk, asked_by="customer")
    assert is_given_once(payment)


@pytest.mark.parametrize("body", ["OK", '{"id": "2f7a', "[]", "null", '{"status": "succeeded"}', "<html>"])
def test_f43_an_answer_that_cannot_be_read_is_asked_for_again(account, yookassa, body):
    payment = sent_payment()
    yookassa.pay(payment.remote_id, notify=False)
    fail(yookassa, READ, kind="error", status=200, body=body)
    come_due()
    check_due()
    assert (reread(payment).state, charges()) == (State.PENDING, [])
    assert reread(payment).next_try_at is not None
    come_due()
    check_due()
    assert is_given_once(payment)


@pytest.mark.parametrize("skew", [-45 * 60, 45 * 60, 86_400])
def test_f44_a_clock_that_differs_from_theirs_loses_no_payment(account, yookassa, skew):
    yookassa.advance(skew)
    payment = make_payment()
    die_while_sending(payment, yookassa, was_made=True)
    come_due()
    fail(yookassa, CREATE, kind="error", status=400)
    send_due()
    assert reread(payment).state == State.PENDING
    yookassa.pay(reread(payment).remote_id, notify=False)
    come_due()
    check_due()
    assert is_given_once(payment)


@pytest.mark.parametrize("ours", [True, False])
def test_f45_a_test_payment_never_pays_in_a_live_shop_nor_the_other_way(installation, yookassa, ours):
    yookassa.put_shop(shop_id=yookassa.shop_id, test=not ours)
    make_provider_account(is_test=ours)
    payment = make_payment()
    send_payment(payment.pk)
    remote_id = made_at_provider(yookassa, payment)[0]
    deliver(notice_of(yookassa.pay(remote_id)))
    work_notices()
    assert charges() == []
    assert set(Decision.objects.values_list("kind", flat=True)) == {Decision.Kind.MODE_DIFFERS}


def test_f59_money_our_restored_database_forgot_waits_for_a_decision(account, yookassa):
    payment = sent_payment()
    shown = yookassa.pay(payment.remote_id)
    PaymentEvent.objects.all().delete()
    payment.delete()
    deliver(notice_of(shown))
    come_due(ago=timedelta(minutes=11))
    work_notices()
    found = Payment.objects.get()
    assert (found.booked_as, charges()) == (Payment.Booked.SUSPENSE, ["299.00"])
    assert Decision.objects.get().kind == Decision.Kind.UNKNOWN_PAYMENT


def test_f59_keys_cannot_be_guessed_from_row_numbers(account, yookassa):
    first, second = sent_payment(), sent_payment()
    assert first.key.version == second.key.version == 4
    assert [call["headers"]["Idempotence-Key"] for call in yookassa.calls(CREATE)] == [
        str(first.key),
        str(second.key),
    ]


def test_f60_no_log_line_and_no_row_holds_keys_or_personal_data(account, yookassa, caplog):
    caplog.set_level(logging.DEBUG)
    payment = sent_payment()
    fail(yookassa, READ, kind="error", status=401, description="The key test_sandbox_secret is wrong")
    check_payment(payment.pk, asked_by="olga")
    yookassa.pay(payment.remote_id, notify=False)
    come_due()
    Payment.objects.update(checked_at=None)
    check_payment(payment.pk, asked_by="olga")
    kept = json.dumps(list(PaymentEvent.objects.values_list("text", "data"))) + reread(payment).error
    for secret in ("test_sandbox_secret", "Authorization", "Basic "):
        assert secret not in caplog.text + kept + ProviderAccount.objects.get().error
    assert is_given_once(payment)
