"""What is asked of the provider for a screen: of the payer's own open payments, and no more."""

import pytest

from billing.models import Order, Payment
from core import clock
from telegram_bot import followups
from tests.factories import make_customer, make_payment, make_provider_account


@pytest.fixture
def payment(installation, yookassa) -> Payment:
    make_provider_account()
    made = make_payment()
    followups.fetch_link(made.order.payer, str(made.pk))
    yookassa.forget_calls()
    return made


def test_the_link_is_fetched_once(payment, yookassa):
    followups.fetch_link(payment.order.payer, str(payment.pk))
    assert not yookassa.calls()
    payment.refresh_from_db()
    assert payment.state == Payment.State.PENDING and payment.confirmation_url


def test_nobody_makes_the_shop_ask_about_anothers_payment(payment, yookassa):
    stranger = make_customer()
    Payment.objects.update(state=Payment.State.CREATED)
    followups.fetch_link(stranger, str(payment.pk))
    Payment.objects.update(state=Payment.State.PENDING)
    followups.look_at_payment(stranger, str(payment.pk))
    followups.look_at_order(stranger, str(payment.order_id))
    assert not yookassa.calls()


def test_an_old_payment_leads_to_the_open_ones_of_its_order(payment, yookassa):
    Payment.objects.update(state=Payment.State.CANCELED)
    fresh = make_payment(payment.order.payer)
    followups.fetch_link(payment.order.payer, str(fresh.pk))
    yookassa.pay(notify=False)
    followups.look_at_payment(payment.order.payer, str(payment.pk))
    assert Order.objects.get().state == Order.State.FULFILLED


def test_a_settled_order_costs_one_query_and_no_call(payment, yookassa, django_assert_num_queries):
    Payment.objects.update(state=Payment.State.CANCELED)
    Order.objects.update(state=Order.State.CLOSED, closed_at=clock.now())
    with django_assert_num_queries(1):
        followups.look_at_order(payment.order.payer, str(payment.order_id))
    assert not yookassa.calls()


@pytest.mark.parametrize("argument", ["", "x", "1" * 40, "-1", "٣"])
def test_odd_arguments_ask_nobody(payment, yookassa, argument):
    for follow_up in (followups.fetch_link, followups.look_at_payment, followups.look_at_order):
        follow_up(payment.order.payer, argument)
    assert not yookassa.calls()
