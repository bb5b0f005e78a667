"""What plans cost, as customers read it."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from billing.models import Price
from billing.services import offers
from subscriptions.models import Plan

pytestmark = pytest.mark.django_db


def shown() -> list[tuple[str, int, int, str, int]]:
    return [
        (offer.plan.code, offer.plan.days, int(offer.amount), str(offer.per_day), offer.saving_per_day)
        for offer in offers()
    ]


def test_loaded_plans_cost_what_was_agreed():
    assert shown() == [
        ("month", 30, 299, "9.96", 0),
        ("quarter", 90, 799, "8.87", 1),
        ("year", 365, 2999, "8.21", 1),
    ]


@pytest.mark.parametrize(
    ("amount", "saving"), [("809", 0), ("807.01", 0), ("807", 1), ("717.01", 1), ("717", 2), ("0.01", 9)]
)
def test_saving_per_day_is_rounded_down(amount, saving):
    Price.objects.filter(plan__code="quarter").update(amount=amount)
    assert {offer.plan.code: offer.saving_per_day for offer in offers()}["quarter"] == saving


def test_dearer_plan_saves_nothing_rather_than_less_than_nothing():
    Price.objects.filter(plan__code="year").update(amount=9999)
    assert offers()[-1].saving_per_day == 0


def test_without_the_30_day_plan_nothing_is_said_of_savings():
    Plan.objects.filter(code="month").update(is_open=False)
    assert [offer.saving_per_day for offer in offers()] == [0, 0]


def test_order_is_the_staffs():
    Plan.objects.filter(code="year").update(position=0)
    assert [offer.plan.code for offer in offers()] == ["year", "month", "quarter"]


def test_trial_and_closed_plans_are_not_for_sale():
    Price.objects.create(plan=Plan.objects.get(code="trial"), amount=1)
    Plan.objects.filter(code="year").update(is_open=False)
    assert [offer.plan.code for offer in offers()] == ["month", "quarter"]


def test_plan_without_a_price_in_the_currency_is_not_for_sale():
    assert offers("USD") == []


def test_offers_take_one_query_however_many(django_assert_num_queries):
    for number in range(20):
        plan = Plan.objects.create(code=f"p{number}", name_en="x", name_ru="x", days=number + 1)
        Price.objects.create(plan=plan, amount=100)
    with django_assert_num_queries(1):
        assert len(offers()) == 23


@pytest.mark.parametrize("values", [{"amount": -1}, {"amount": 1, "currency": "RUB", "code": "month"}])
def test_rows_that_make_no_sense_are_refused(values):
    plan = Plan.objects.get(code=values.pop("code", "trial"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Price.objects.create(plan=plan, **values)


def test_price_reads_as_people_write_it():
    with translation.override("en"):
        assert str(Price(amount=Decimal("299.00"), currency="RUB")) == "299\u00a0₽"
        assert str(Price(amount=Decimal("299.50"), currency="RUB")) == "299.50\u00a0₽"
