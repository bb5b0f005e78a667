import uuid
from decimal import Decimal

import pytest

from billing.errors import NotForSale
from billing.models import JournalEntry, Order, Payment
from billing.services.manual import Method, book_by_hand
from subscriptions.models import Grant, Plan
from tests.factories import make_customer
from tests.money import money_at

pytestmark = pytest.mark.django_db


def by_hand(customer, plan: str = "month", **values) -> Order:
    terms = {
        "plan_id": Plan.objects.get(code=plan).pk,
        "amount": Decimal("250"),
        "currency": "RUB",
        "method": Method.CASH,
        "reason": "paid at the fair",
        "form_uuid": uuid.uuid4(),
        "actor": "olga",
    }
    return book_by_hand(customer.pk, **{**terms, **values})


def test_cash_is_booked_with_its_reason_and_gives_the_plan():
    order = by_hand(make_customer())
    assert (order.state, order.amount) == (Order.State.FULFILLED, Decimal(250))
    assert money_at(JournalEntry.Account.CASH) == Decimal(250)
    assert JournalEntry.objects.get(fact__startswith="charge:").note == "paid at the fair"


def test_one_form_books_once():
    customer, form = make_customer(), uuid.uuid4()
    assert by_hand(customer, form_uuid=form) == by_hand(customer, form_uuid=form)
    assert (Payment.objects.count(), Grant.objects.count()) == (1, 1)


def test_a_plan_that_is_not_on_sale_can_be_sold_by_hand_but_no_trial():
    Plan.objects.filter(code="year").update(is_open=False)
    assert by_hand(make_customer(), plan="year").days == 365
    with pytest.raises(NotForSale):
        by_hand(make_customer(), plan_id=Plan.objects.get(is_trial=True).pk)


@pytest.mark.parametrize("wrong", [{"reason": " "}, {"amount": Decimal(0)}, {"amount": Decimal("1.001")}])
def test_no_reason_or_no_amount_books_nothing(wrong):
    with pytest.raises(ValueError, match=r"reason|amount|places"):
        by_hand(make_customer(), **wrong)
    assert not Payment.objects.exists()
