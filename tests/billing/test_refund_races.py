"""Refunds asked for, answered and reported at the same moment: the payer's row decides the order."""

import uuid
from decimal import Decimal

import pytest

from billing.models import JournalEntry, Payment, Refund
from billing.services.accounts import provider_of
from billing.services.refunds import find_refunds, import_or_apply_refund, work_due
from core.services import claim_installation
from tests.money import money_at
from tests.racing import at_once
from tests.refunding import ask_back, assert_books_agree, days_left, paid, posts

pytestmark = pytest.mark.django_db(transaction=True)
Account = JournalEntry.Account


@pytest.fixture
def payment(yookassa) -> Payment:
    claim_installation()
    return paid(yookassa)


def names(results: list[object]) -> list[str]:
    return sorted(type(result).__name__ for result in results)


@pytest.mark.parametrize("hurry", range(3))
def test_one_form_sent_by_four_at_once_refunds_once(payment, hurry):
    form = uuid.uuid4()
    results = at_once(*[lambda: ask_back(payment, 100, form_uuid=form)] * 4)
    assert names(results) == ["Refund"] * 4
    assert (Refund.objects.count(), days_left(payment)) == (1, 20)


@pytest.mark.parametrize("hurry", range(3))
def test_two_members_of_staff_cannot_refund_more_than_there_is(payment, hurry):
    results = at_once(*[lambda: ask_back(payment, 200)] * 3)
    assert names(results) == ["Refund", "RefundTooLarge", "RefundTooLarge"]
    assert money_at(Account.REFUNDS) == Decimal(-200)


@pytest.mark.parametrize("hurry", range(3))
def test_a_refund_of_the_cabinet_reported_four_times_at_once_counts_once(yookassa, payment, hurry):
    made = yookassa.refund(payment.remote_id, "99.67")
    said = provider_of(payment.account).read_refund(made["id"])
    results = at_once(*[lambda: import_or_apply_refund(payment.account, said, source="notice")] * 4)
    assert names(results) == ["Refund"] * 4
    assert (Refund.objects.count(), days_left(payment)) == (1, 20)
    assert Payment.objects.get(pk=payment.pk).refunded_amount == Decimal("99.67")
    assert_books_agree(yookassa)


@pytest.mark.parametrize("hurry", range(3))
def test_a_refund_of_the_cabinet_reported_at_once_leaves_what_fits_beside_it(yookassa, payment, hurry):
    waiting = ask_back(payment, 150)
    made = yookassa.refund(payment.remote_id, "100.00")
    said = provider_of(payment.account).read_refund(made["id"])
    at_once(*[lambda: import_or_apply_refund(payment.account, said, source="notice")] * 4)
    assert Refund.objects.get(pk=waiting.pk).state == Refund.State.REQUESTED
    work_due()
    assert Payment.objects.get(pk=payment.pk).refunded_amount == Decimal(250)
    assert_books_agree(yookassa)


@pytest.mark.parametrize("hurry", range(3))
def test_two_workers_and_a_sweep_send_a_refund_once(yookassa, payment, hurry):
    ask_back(payment)
    results = at_once(work_due, work_due, lambda: find_refunds(payment.pk))
    assert not [result for result in results if isinstance(result, Exception)]
    work_due()
    assert (Refund.objects.get().state, len(posts(yookassa))) == ("succeeded", 1)
    assert_books_agree(yookassa)


@pytest.mark.parametrize("hurry", range(3))
def test_ours_and_one_of_the_cabinet_at_once_never_send_more_than_came_in(yookassa, payment, hurry):
    ours = ask_back(payment, 200)
    made = yookassa.refund(payment.remote_id, "199.33")
    said = provider_of(payment.account).read_refund(made["id"])
    at_once(work_due, lambda: import_or_apply_refund(payment.account, said, source="notice"))
    Refund.objects.update(next_try_at=None)
    work_due()
    ours.refresh_from_db()
    assert (ours.state, days_left(payment)) == ("failed", 10)
    assert_books_agree(yookassa)
