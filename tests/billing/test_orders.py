from datetime import timedelta
from decimal import Decimal

import pytest

from accounts import services as accounts
from accounts.errors import CustomerBanned
from billing.errors import ConsentMissing, NoProvider, NoSuchOrder, NotEnoughCredit, NotForSale, OrderSettled
from billing.models import JournalEntry, Order, Payment, Price, ProviderAccount
from billing.services.journal import book
from billing.services.orders import close_order, close_stale, pay_from_credit, place_order
from billing.services.payments import apply_provider_state
from billing.services.quotes import quote
from core import clock
from subscriptions.models import Grant, Plan
from tests.factories import agree_to_all, make_customer, make_payment, make_provider_account
from tests.money import money_at, report, reread

pytestmark = pytest.mark.django_db
Account = JournalEntry.Account


def plan_id(code: str = "month") -> int:
    return Plan.objects.get(code=code).pk


def give_credit(customer, amount: str = "299") -> None:
    values = {"amount": Decimal(amount), "currency": "RUB", "customer": customer, "actor": "test"}
    book("test:credit", debit=Account.CASH, credit=Account.CREDIT, **values)


def test_an_order_copies_terms_and_price():
    payment = make_payment()
    Plan.objects.filter(code="month").update(days=1, name_en="Other")
    Price.objects.update(amount=1)
    order = reread(payment).order
    assert (order.days, order.amount, order.plan_name_en) == (30, Decimal(299), payment.order.plan_name_en)
    assert order.group_ids


def test_the_request_is_frozen_with_our_key():
    payment = make_payment()
    assert str(payment.key) in payment.request
    assert '"capture": true' in payment.request or '"capture":true' in payment.request


def test_the_same_order_is_used_again():
    first = make_payment()
    assert make_payment(first.order.payer).pk == first.pk
    assert Order.objects.count() == 1


def test_a_changed_price_makes_a_new_order():
    first = make_payment()
    Price.objects.filter(plan__code="month").update(amount=399)
    second = make_payment(first.order.payer)
    assert (second.amount, first.amount) == (Decimal(399), Decimal(299))


def test_a_link_about_to_run_out_is_not_handed_out_again():
    first = make_payment()
    Payment.objects.update(expires_at=clock.now() + timedelta(minutes=1), state=Payment.State.PENDING)
    second = make_payment(first.order.payer)
    assert second.pk != first.pk
    assert reread(first.order).state == Order.State.CLOSED


def test_nothing_is_ordered_before_offer_and_consent():
    customer, account = make_customer(), make_provider_account()
    for document in accounts.missing_documents(customer):
        with pytest.raises(ConsentMissing):
            place_order(customer.pk, plan_id(), account_id=account.pk, actor="customer")
        accounts.give_consent(customer.pk, document.pk, actor="customer")
    order = place_order(customer.pk, plan_id(), account_id=account.pk, actor="customer").order
    assert order.offer == accounts.consent_of(customer, "offer").document


@pytest.mark.parametrize("change", [{"is_open": False}, {"refused_at": clock.now()}])
def test_a_closed_provider_takes_no_order(change):
    make_provider_account()
    ProviderAccount.objects.update(**change)
    with pytest.raises(NoProvider):
        make_payment()


def test_a_banned_customer_orders_nothing():
    customer = make_customer()
    accounts.set_banned(customer.pk, reason="abuse", actor="olga")
    with pytest.raises(CustomerBanned):
        make_payment(customer)


@pytest.mark.parametrize("change", [{"is_open": False}, {"is_trial": True}])
def test_what_is_not_on_sale_has_no_price(change):
    Plan.objects.filter(is_trial=True).update(is_open=False)
    Plan.objects.filter(code="month").update(**change)
    with pytest.raises(NotForSale):
        quote(make_customer(), plan_id())


def test_credit_buys_a_plan_once_for_one_decision():
    customer = agree_to_all(make_customer())
    give_credit(customer, "600")
    seen = quote(customer, plan_id()).seen
    order = pay_from_credit(customer.pk, plan_id(), seen=seen, actor="customer")
    assert order.state == Order.State.FULFILLED
    with pytest.raises(OrderSettled):
        pay_from_credit(customer.pk, plan_id(), seen=seen, actor="customer")
    assert (money_at(Account.CREDIT), money_at(Account.SALES)) == (Decimal(-301), Decimal(-299))


def test_too_little_credit_buys_nothing():
    customer = agree_to_all(make_customer())
    give_credit(customer, "298.99")
    with pytest.raises(NotEnoughCredit):
        pay_from_credit(customer.pk, plan_id(), seen=quote(customer, plan_id()).seen, actor="customer")
    assert not Order.objects.exists()


def test_a_closed_order_is_still_paid_by_late_money():
    payment = make_payment()
    close_order(payment.order_id, customer_id=payment.order.payer_id, actor="customer")
    assert reread(payment).state == Payment.State.CREATED
    apply_provider_state(payment.pk, report(payment), source="test")
    assert reread(payment.order).state == Order.State.FULFILLED


def test_nobody_closes_somebody_elses_order():
    payment = make_payment()
    with pytest.raises(NoSuchOrder):
        close_order(payment.order_id, customer_id=make_customer().pk, actor="customer")


def test_a_paid_order_is_not_closed():
    payment = make_payment()
    apply_provider_state(payment.pk, report(payment), source="test")
    with pytest.raises(OrderSettled):
        close_order(payment.order_id, customer_id=payment.order.payer_id, actor="customer")


def test_only_orders_without_a_payment_under_way_go_stale():
    left, under_way = make_payment(), make_payment()
    Payment.objects.filter(pk=left.pk).update(state=Payment.State.CANCELED)
    Order.objects.update(created_at=clock.now() - timedelta(hours=27))
    assert close_stale() == 1
    assert reread(left.order).state == Order.State.CLOSED
    assert reread(under_way.order).state == Order.State.OPEN
    assert not Grant.objects.exists()


def test_what_an_order_costs_in_queries(django_assert_num_queries):
    account, customer = make_provider_account(), agree_to_all(make_customer())
    for again in (14, 12):
        with django_assert_num_queries(again):
            place_order(customer.pk, plan_id(), account_id=account.pk, actor="customer")
