import uuid
from decimal import Decimal

import pytest

from billing.models import BillingRules, Decision, JournalEntry, Order, Payment, Refund
from billing.providers.base import RefundReport, Said
from billing.services import decisions
from billing.services.journal import credit_of
from billing.services.payments import apply_provider_state, import_payment
from billing.services.refunds import apply_refund_state, give_up, request_refund
from billing.services.rules import change_rules
from core.errors import InvalidTransition
from notifications.models import OutboxMessage
from tests.factories import make_customer, make_payment, make_provider_account, make_staff
from tests.money import money_at, report, reread

pytestmark = pytest.mark.django_db
Account = JournalEntry.Account


def stranger() -> Decision:
    """Money that came from nowhere."""
    account = make_provider_account()
    told = report(Payment(amount=Decimal(500), currency="RUB"), key="")
    import_payment(account, told, source="sweep")
    return Decision.objects.get()


def short() -> Decision:
    """An order of 299 for which 200 came."""
    payment = make_payment()
    apply_provider_state(payment.pk, report(payment, amount=Decimal(200)), source="test")
    return Decision.objects.get()


def paid_twice() -> Decision:
    payment = make_payment()
    apply_provider_state(payment.pk, report(payment), source="test")
    other = report(payment, remote_id="2f7a1c9e-000f-5001-9000-ffffffffffff")
    import_payment(payment.account, other, source="sweep")
    return Decision.objects.get()


def test_unknown_money_is_booked_and_becomes_somebodys_credit_once():
    decision, customer = stranger(), make_customer()
    assert (decision.kind, money_at(Account.SUSPENSE)) == ("unknown", Decimal(-500))
    for _ in range(2):
        decisions.credit_to_customer(decision.pk, customer_id=customer.pk, reason="his mail", actor="olga")
    assert (money_at(Account.SUSPENSE), credit_of(customer, "RUB")) == (0, Decimal(500))
    assert OutboxMessage.objects.get().kind == "money_credited"


def test_money_of_another_amount_gives_nothing_until_staff_say_so():
    decision = short()
    assert (decision.kind, decision.order.state) == ("amount", "open")
    assert decisions.proposed(decision) == ("credit", "refund", "give", "dismiss")
    decisions.give_anyway(decision.pk, reason="a discount was promised", actor="olga")
    assert reread(decision.order).state == Order.State.FULFILLED
    assert money_at(Account.SALES) == Decimal(-200)


def test_a_decision_is_not_made_twice_in_different_ways():
    decision = short()
    payer = decision.order.payer_id
    decisions.credit_to_customer(decision.pk, customer_id=payer, reason="so be it", actor="olga")
    with pytest.raises(InvalidTransition):
        decisions.give_anyway(decision.pk, reason="or this", actor="petr")


def test_the_second_payment_is_kept_as_credit_and_told():
    decision = paid_twice()
    assert decision.kind == Decision.Kind.SECOND_PAYMENT
    assert credit_of(decision.customer, "RUB") == Decimal(299)
    assert OutboxMessage.objects.filter(kind="paid_twice").count() == 1
    decisions.keep(decision.pk, reason="asked for it", actor="olga")
    assert Decision.objects.get().resolution == "keep"


def test_the_shops_rules_can_send_second_money_back():
    decision = paid_twice()
    assert decisions.apply_rules() == 0
    change_rules(extra_money=BillingRules.Extra.REFUND, actor="olga")
    assert decisions.apply_rules() == 1
    assert decisions.apply_rules() == 0
    refund = Refund.objects.get()
    assert (refund.payment, refund.amount) == (decision.payment, Decimal(299))
    assert credit_of(decision.customer, "RUB") == 0


def test_dismissing_needs_a_reason():
    decision = stranger()
    with pytest.raises(ValueError, match="reason"):
        decisions.dismiss(decision.pk, reason=" ", actor="olga")


def test_staff_with_telegram_hear_of_it_once():
    make_staff(telegram_id=42)
    decision = stranger()
    import_payment(decision.payment.account, report(decision.payment, key=""), source="sweep")
    assert OutboxMessage.objects.filter(kind="decision_waiting").count() == 1


def test_money_in_question_goes_back_once_however_often_it_is_decided():
    decision = short()
    refund = decisions.refund_it(decision.pk, reason="not what was asked", actor="olga")
    assert (refund.amount, money_at(Account.SUSPENSE), money_at(Account.REFUNDS)) == (200, 0, Decimal(-200))
    told = RefundReport("3296", refund.payment.remote_id, Said.SUCCEEDED, Decimal(200), "RUB")
    apply_refund_state(refund.pk, told, source="test")
    assert decisions.refund_it(decision.pk, reason="again", actor="olga") == refund
    assert (Refund.objects.count(), money_at(Account.REFUNDS)) == (1, 0)


def test_only_what_is_left_of_money_in_question_becomes_credit():
    decision = short()
    terms = {"reason": "a part", "form_uuid": uuid.uuid4(), "takes_access": False, "actor": "olga"}
    refund = request_refund(decision.payment_id, amount=Decimal(50), **terms)
    payer = decision.customer
    decisions.credit_to_customer(decision.pk, customer_id=payer.pk, reason="theirs", actor="olga")
    assert (credit_of(payer, "RUB"), money_at(Account.SUSPENSE)) == (150, 0)
    told = RefundReport("3296", refund.payment.remote_id, Said.CANCELED, Decimal(50), "RUB")
    apply_refund_state(refund.pk, told, source="test")
    give_up(refund.pk, reason="no way", actor="olga")
    assert (credit_of(payer, "RUB"), money_at(Account.REFUNDS)) == (200, 0)
