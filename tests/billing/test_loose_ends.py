"""Ends that would stay loose: questions that answer themselves, forms used twice, tries that are over."""

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.errors import NoProvider, NothingToRefund
from billing.models import BillingRules, Decision, JournalEntry, Order, Payment, Refund
from billing.providers.base import Said
from billing.services import (
    Method,
    book_by_hand,
    credit_of,
    decisions,
    pay_from_credit,
    place_order,
    quote,
    send_payment,
)
from billing.services.accounts import provider_of
from billing.services.payments import apply_provider_state
from billing.services.refunds import apply_refund_state, give_up, request_refund
from core import clock
from core.errors import InvalidTransition
from subscriptions.models import Grant, Plan
from tests.factories import agree_to_all, make_customer, make_payment, make_provider_account
from tests.money import money_at, report
from tests.refunding import ask_back, days_left, paid, read_back, reread, sent, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
Account = JournalEntry.Account


def another_sum(value: str = "500.00") -> Payment:
    """A payment of 299 for which another sum came."""
    payment = make_payment()
    return apply_provider_state(payment.pk, report(payment, amount=Decimal(value)), source="test")


def back(payment: Payment, amount: str) -> Refund:
    terms = {"reason": "asked for it", "form_uuid": uuid.uuid4(), "takes_access": False}
    return request_refund(payment.pk, amount=Decimal(amount), actor="olga", **terms)


def test_money_of_which_a_part_is_on_its_way_back_pays_no_order():
    payment = another_sum()
    back(payment, "100.00")
    decision = Decision.objects.get(kind=Decision.Kind.AMOUNT_DIFFERS)
    assert decisions.GIVE not in decisions.proposed(decision)
    with pytest.raises(InvalidTransition):
        decisions.give_anyway(decision.pk, reason="close enough", actor="olga")
    assert (money_at(Account.PREPAID), Grant.objects.count()) == (0, 0)


def test_money_that_an_order_explains_becomes_its_payers_credit_only():
    payment, stranger = another_sum(), make_customer()
    decision = Decision.objects.get(kind=Decision.Kind.AMOUNT_DIFFERS)
    with pytest.raises(InvalidTransition):
        decisions.credit_to_customer(decision.pk, customer_id=stranger.pk, reason="asked", actor="olga")
    assert credit_of(stranger, "RUB") == 0
    assert Payment.objects.get(pk=payment.pk).booked_as == Payment.Booked.SUSPENSE


def paid_twice(customer=None) -> Payment:
    """The second payment of one order, both succeeded."""
    first = make_payment(customer)
    second = Payment.objects.create(
        order=first.order,
        provider="yookassa",
        account=first.account,
        amount=299,
        currency="RUB",
        state="rejected",
    )
    for payment in (first, second):
        apply_provider_state(payment.pk, report(payment), source="test")
    return Payment.objects.get(pk=second.pk)


def paid_really_twice(yookassa) -> Payment:
    """The same, both of them at the provider too."""
    first = sent()
    Payment.objects.filter(pk=first.pk).update(state="rejected")
    second = Payment.objects.create(
        order=first.order,
        provider="yookassa",
        account=first.account,
        amount=299,
        currency="RUB",
        request=first.request,
    )
    send_payment(second.pk)
    for payment in (first, Payment.objects.get(pk=second.pk)):
        yookassa.pay(payment.remote_id, notify=False)
        read_back(payment)
    return Payment.objects.select_related("order__payer", "account").get(pk=second.pk)


def test_a_question_whose_money_went_back_is_answered_in_words_not_by_a_crash():
    second = paid_twice()
    back(second, "299.00")
    with pytest.raises(NothingToRefund):
        decisions.refund_it(Decision.objects.get().pk, reason="paid twice", actor="olga")


def test_a_question_the_rules_cannot_answer_holds_up_no_other():
    BillingRules.objects.update_or_create(defaults={"extra_money": BillingRules.Extra.REFUND})
    back(paid_twice(), "299.00")
    other = paid_twice(make_customer())
    assert decisions.apply_rules() == 1
    assert "went back" in Decision.objects.earliest("pk").details["trouble"]
    assert Refund.objects.filter(payment=other).count() == 1


def test_a_form_used_for_one_customer_books_nothing_for_another():
    form, plan = uuid.uuid4(), Plan.objects.get(code="month").pk
    terms = {"plan_id": plan, "amount": Decimal(300), "currency": "RUB", "method": Method.CASH}
    terms |= {"reason": "at the counter", "form_uuid": form, "actor": "olga"}
    order = book_by_hand(make_customer().pk, **terms)
    assert book_by_hand(order.payer_id, **terms) == order
    for changed in ({"customer_id": make_customer().pk}, {"amount": Decimal(500)}):
        with pytest.raises(InvalidTransition):
            book_by_hand(**{"customer_id": order.payer_id, **terms, **changed})
    assert Order.objects.count() == 1


def test_what_is_said_of_a_try_that_is_over_does_not_end_the_next_one(yookassa):
    yookassa.set(refund="canceled", refund_reason="rejected_by_timeout")
    refund = work(ask_back(paid(yookassa)))
    over = yookassa.books()["refunds"][0]["id"]
    late = provider_of(refund.payment.account).read_refund(over)
    yookassa.fail("POST /v3/refunds", "lost")
    sending = work(refund)
    apply_refund_state(refund.pk, late, source="provider")
    assert (reread(refund).state, reread(refund).key) == (Refund.State.SENDING, sending.key)


def test_a_way_to_pay_that_lacks_an_address_for_receipts_is_none():
    customer = agree_to_all(make_customer())
    account = make_provider_account(sends_receipts=True)
    plan = Plan.objects.get(code="month").pk
    with pytest.raises(NoProvider):
        place_order(customer.pk, plan, account_id=account.pk, actor="customer")
    assert not Order.objects.exists()


def test_a_refund_that_a_restored_copy_believes_unsent_is_looked_for_first(yookassa):
    refund = ask_back(paid(yookassa), 100)
    known = Refund.objects.filter(pk=refund.pk)
    before = known.values("state", "request", "first_sent_at", "tries", "next_try_at").get()
    work(refund)
    JournalEntry.objects.filter(fact=f"refund:{refund.pk}:paid").delete()
    known.update(**before, remote_id="", created_at=clock.now() - timedelta(days=2))
    yookassa.advance(2 * 86_400)
    assert work(refund).state == Refund.State.SUCCEEDED
    assert len(yookassa.books()["refunds"]) == 1


def test_access_that_staff_left_with_a_refund_stays_when_another_one_fails(yookassa):
    payment = paid(yookassa)
    work(ask_back(payment, "99.67", takes_access=False))
    yookassa.set(refund="canceled", refund_reason="rejected_by_payee")
    refund = work(ask_back(payment, "99.67"))
    assert days_left(payment) == 20
    give_up(refund.pk, reason="they keep it", actor="olga")
    assert days_left(payment) == 30


def test_credit_that_a_late_refund_takes_after_it_was_spent_is_put_to_staff(yookassa):
    yookassa.set(refund="canceled", refund_reason="rejected_by_payee")
    second = paid_really_twice(yookassa)
    refund = work(back(second, "299.00"))
    give_up(refund.pk, reason="they keep it", actor="olga")
    customer = second.order.payer
    seen = quote(customer, second.order.plan_id).seen
    pay_from_credit(customer.pk, second.order.plan_id, seen=seen, actor="customer")
    late = provider_of(second.account).read_refund(yookassa.books()["refunds"][0]["id"])
    apply_refund_state(refund.pk, replace(late, said=Said.SUCCEEDED), source="sweep")
    assert credit_of(customer, "RUB") == Decimal(-299)
    assert Decision.objects.filter(kind=Decision.Kind.CONTRADICTION, refund=refund).exists()
