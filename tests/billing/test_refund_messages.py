"""What customers read of money that goes back."""

import uuid
from decimal import Decimal

import pytest

from billing.models import Refund
from billing.services import book_by_hand
from billing.services.manual import Method
from billing.services.refunds import give_up, pay_out_by_hand
from notifications import services as notifications
from notifications.models import OutboxMessage
from subscriptions.models import Plan
from tests.factories import make_customer
from tests.refunding import ask_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def refund() -> Refund:
    """Half of 300 that staff took in cash."""
    terms = {"plan_id": Plan.objects.get(code="month").pk, "amount": Decimal(300), "currency": "RUB"}
    order = book_by_hand(
        make_customer().pk, **terms, method=Method.CASH, reason="cash", form_uuid=uuid.uuid4(), actor="olga"
    )
    return ask_back(order.payments.get(), 150)


def read(kind: str) -> str | None:
    """Return the message as it would go out now; None if it is no longer true."""
    said = notifications.render(OutboxMessage.objects.get(kind=kind))
    return said.text if said else None


def test_money_on_its_way_is_told_with_the_new_end_of_access(refund):
    said = read("refund_sent")
    assert "We are sending 150\xa0₽ back" in said
    assert "Your subscription now works until" in said


def test_money_that_came_back_makes_its_way_old_news(refund):
    pay_out_by_hand(refund.pk, reason="cash", actor="olga")
    assert read("refund_sent") is None
    assert "150\xa0₽ went back to you" in read("refund_succeeded")


def test_a_refund_that_failed_says_that_time_is_back_and_whom_to_ask(refund, settings):
    settings.SUPPORT_CONTACT = "@help<b>"
    give_up(refund.pk, reason="no way to pay", actor="olga")
    said = read("refund_failed")
    assert "could not be sent back" in said and "yours again" in said
    assert "@help&lt;b&gt;" in said
