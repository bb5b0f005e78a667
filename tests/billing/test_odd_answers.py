"""What no provider should ever say or send: it costs one row a pause, and never the rows beside it."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from billing.models import Payment, ProviderAccount, Refund
from billing.services import send_payment
from billing.services.calls import check_due, send_due
from core import clock
from tests.billing.notices import ADDRESS, deliver
from tests.factories import make_customer, make_payment
from tests.refunding import ask_back, paid, reread, sent, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
State = Payment.State


def due(payment: Payment, **changed: object) -> Payment:
    past = clock.now() - timedelta(minutes=1)
    Payment.objects.filter(pk=payment.pk).update(**{"next_try_at": past, **changed})
    return Payment.objects.select_related("account").get(pk=payment.pk)


def answer(yookassa, call: str, body: object, *, status: int = 200) -> None:
    yookassa.fail(call, "error", status=status, body=body)


def shown(payment: Payment, value: str) -> dict[str, object]:
    return {
        "id": payment.remote_id,
        "status": "succeeded",
        "paid": True,
        "test": True,
        "amount": {"value": value, "currency": "RUB"},
    }


@pytest.mark.parametrize("value", ["inf", "nan", "1e400", "-1", ""])
@pytest.mark.parametrize("field", ["amount", "income_amount", "refunded_amount"])
def test_a_notice_with_a_number_that_is_none_breaks_nothing(value, field):
    thing = {"id": "2f7a", "status": "succeeded", field: {"value": value, "currency": "RUB"}}
    assert deliver({"type": "notification", "event": "payment.succeeded", "object": thing}) == 200


def test_a_length_nobody_can_count_is_refused():
    client = Client(raise_request_exception=False)
    told = client.post(ADDRESS, "{}", content_type="application/json", CONTENT_LENGTH="9" * 5000)
    assert told.status_code in (400, 413)


def test_a_success_without_money_is_not_booked_and_holds_up_nobody(yookassa):
    odd, good = sent(), sent(make_customer())
    yookassa.pay(good.remote_id, notify=False)
    answer(yookassa, f"GET /v3/payments/{odd.remote_id}", shown(odd, "0.00"))
    due(odd, next_try_at=clock.now() - timedelta(hours=1))
    due(good)
    check_due()
    check_due()
    assert [due(row).state for row in (odd, good)] == [State.PENDING, State.SUCCEEDED]


def test_a_refusal_in_letters_no_database_takes_is_still_a_refusal(yookassa):
    said = '{"type": "error", "code": "invalid_request", "description": "\\ud800 \\u0000 no"}'
    answer(yookassa, "POST /v3/payments", said, status=400)
    payment = make_payment()
    send_payment(payment.pk)
    assert due(payment).state == State.REJECTED


def spoil_secret(account: ProviderAccount) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_provideraccount SET secret = 'x' WHERE id = %s", [account.pk])


@pytest.mark.parametrize("sweep", [send_due, check_due])
def test_an_account_that_cannot_be_used_holds_up_no_other(yookassa, sweep):
    make = make_payment if sweep is send_due else sent
    broken, good = due(make()), due(make(make_customer()))
    keys = {"remote_account": "666", "secret": "x"}
    other = ProviderAccount.objects.create(**keys)
    broken = due(broken, account=other, next_try_at=clock.now() - timedelta(hours=1))
    spoil_secret(other)
    assert sweep() == 2
    broken, good = (Payment.objects.defer("account").get(pk=row.pk) for row in (broken, good))
    assert broken.next_try_at > clock.now() and broken.error
    assert (good.state, good.error) == (State.PENDING, "")


def test_held_money_is_captured_however_late_the_provider_lets_us(yookassa):
    payment = sent()
    yookassa.hold(payment.remote_id, notify=False)
    yookassa.fail("POST /v3/payments/*/capture", "error", status=500, times=1)
    payment = due(payment, first_sent_at=clock.now() - timedelta(hours=30))
    check_due()
    Payment.objects.filter(state=State.HELD, next_try_at__isnull=False).update(next_try_at=clock.now())
    check_due()
    assert due(payment).state == State.SUCCEEDED


def test_a_search_that_goes_in_circles_ends(yookassa):
    payment = make_payment()
    yookassa.fail("POST /v3/payments", "refuse", times=1)
    send_payment(payment.pk)
    answer(yookassa, "GET /v3/payments", {"type": "list", "items": [], "next_cursor": "again"})
    payment = due(payment, first_sent_at=clock.now() - timedelta(hours=24))
    send_due()
    assert due(payment).state == State.SENDING
    assert len(yookassa.calls("GET /v3/payments")) < 5


def test_a_refund_told_as_another_is_not_asked_about_again_at_once(yookassa):
    yookassa.set(refund="pending")
    refund = work(ask_back(paid(yookassa)))
    other = {"id": refund.remote_id, "payment_id": refund.payment.remote_id, "status": "succeeded"}
    other["amount"] = {"value": "1.00", "currency": "RUB"}
    answer(yookassa, "GET /v3/refunds/*", json.dumps(other))
    refund = work(refund)
    assert (refund.state, len(yookassa.calls("GET /v3/refunds/*"))) == (Refund.State.PENDING, 1)
    assert reread(refund).next_try_at > clock.now() + timedelta(minutes=5)
