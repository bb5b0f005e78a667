"""Money that goes back past the shop, in the provider's own cabinet: F-30 of the catalogue."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.errors import NothingToRefund
from billing.models import Decision, JournalEntry, Order, Payment, Refund
from billing.providers.base import RefundReport, Said
from billing.services import credit_of, give_now, pay_from_credit, quote
from billing.services.payments import apply_provider_state
from billing.services.refunds import find_refunds, import_or_apply_refund
from notifications.models import OutboxMessage
from tests.factories import agree_to_all, make_provider_account
from tests.money import money_at, report
from tests.refunding import (
    ask_back,
    assert_books_agree,
    days_left,
    in_the_cabinet,
    order_of,
    paid,
    posts,
    read_back,
    reread,
    sent,
    work,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]
Account = JournalEntry.Account
State = Refund.State
DAY = timedelta(days=1)


def test_f30_a_refund_of_the_cabinet_is_booked_and_takes_the_access(yookassa):
    payment = paid(yookassa)
    said = in_the_cabinet(yookassa, payment)
    refund = import_or_apply_refund(payment.account, said, source="notice")
    assert refund.is_external and refund.state == State.SUCCEEDED
    assert (days_left(payment), order_of(payment).state) == (0, Order.State.REFUNDED)
    assert OutboxMessage.objects.filter(kind="refund_succeeded").count() == 1
    assert_books_agree(yookassa)


def test_f30_reported_by_every_channel_it_counts_once(yookassa):
    payment = paid(yookassa)
    said = in_the_cabinet(yookassa, payment, "100.00")
    for source in ("notice", "sweep", "notice"):
        import_or_apply_refund(payment.account, said, source=source)
    find_refunds(payment.pk)
    assert (Refund.objects.count(), days_left(payment)) == (1, 20)
    assert Payment.objects.get(pk=payment.pk).refunded_amount == 100
    assert_books_agree(yookassa)


def test_f30_our_own_refund_reported_before_its_answer_is_ours(yookassa):
    payment = paid(yookassa)
    refund = ask_back(payment)
    yookassa.fail("POST /v3/refunds", "lost", times=1)
    work(refund)
    find_refunds(payment.pk)
    refund = reread(refund)
    assert (refund.state, refund.is_external, Refund.objects.count()) == (State.SUCCEEDED, False, 1)


def test_f30_an_ended_try_of_ours_is_no_refund_of_the_cabinet(yookassa):
    yookassa.set(refund="canceled", refund_reason="insufficient_funds")
    refund = work(ask_back(paid(yookassa)))
    find_refunds(refund.payment_id)
    assert Refund.objects.count() == 1
    assert reread(refund).state == State.REQUESTED


def test_f30_one_that_a_lost_notice_hid_is_found_through_its_payment(
    yookassa, django_capture_on_commit_callbacks
):
    payment = paid(yookassa)
    yookassa.refund(payment.remote_id, "100.00")
    with django_capture_on_commit_callbacks() as nudges:
        read_back(payment)
    assert len(nudges) == 1
    assert find_refunds(payment.pk) == 1
    assert Payment.objects.get(pk=payment.pk).refunded_amount == 100


def test_f30_one_of_an_unknown_payment_is_put_to_staff_until_the_payment_is_known(yookassa):
    account = make_provider_account()
    payment = sent()
    yookassa.pay(payment.remote_id, notify=False)
    said = in_the_cabinet(yookassa, payment)
    Payment.objects.filter(pk=payment.pk).update(remote_id="")
    for _ in range(2):
        assert import_or_apply_refund(account, said, source="sweep") is None
    assert Decision.objects.get().kind == Decision.Kind.REFUND_UNKNOWN
    Payment.objects.filter(pk=payment.pk).update(remote_id=payment.remote_id)
    read_back(payment)
    assert import_or_apply_refund(account, said, source="sweep") is not None
    assert Decision.objects.get().state == Decision.State.DECIDED


def test_f30_one_that_comes_before_its_payment_is_booked_has_to_come_again(yookassa):
    payment = sent()
    yookassa.pay(payment.remote_id, notify=False)
    said = in_the_cabinet(yookassa, payment)
    with pytest.raises(NothingToRefund):
        import_or_apply_refund(payment.account, said, source="notice")
    read_back(payment)
    import_or_apply_refund(payment.account, said, source="notice")
    assert (days_left(payment), order_of(payment).state) == (0, Order.State.REFUNDED)
    assert_books_agree(yookassa)


def test_f30_one_that_takes_the_place_of_ours_ends_ours_before_it_is_sent(yookassa):
    payment = paid(yookassa)
    ours = ask_back(payment, 200)
    import_or_apply_refund(payment.account, in_the_cabinet(yookassa, payment, "199.33"), source="notice")
    assert reread(ours).state == State.FAILED
    assert (days_left(payment), posts(yookassa)) == (10, [])
    assert_books_agree(yookassa)


def test_f30_one_that_takes_the_place_of_ours_under_way_ends_ours_when_it_is_refused(yookassa):
    payment = paid(yookassa)
    ours = ask_back(payment, 200)
    yookassa.fail("POST /v3/refunds", "html", times=1)
    work(ours)
    import_or_apply_refund(payment.account, in_the_cabinet(yookassa, payment, "199.33"), source="notice")
    assert reread(ours).state == State.SENDING
    assert work(ours).state == State.FAILED
    assert days_left(payment) == 10
    assert_books_agree(yookassa)


def test_f30_a_whole_refund_in_the_place_of_ours_under_way_leaves_no_access(yookassa):
    payment = paid(yookassa)
    ours = ask_back(payment)
    yookassa.fail("POST /v3/refunds", "html", times=1)
    work(ours)
    yookassa.refund(payment.remote_id)
    assert work(ours).state == State.FAILED
    assert (days_left(payment), order_of(payment).state) == (0, Order.State.REFUNDED)
    assert not Decision.objects.exists()
    assert_books_agree(yookassa)


def test_f30_money_of_a_second_payment_goes_back_without_taking_access(yookassa):
    first = paid(yookassa)
    other = Payment.objects.create(
        order=first.order, account=first.account, provider="yookassa", amount=299, currency="RUB"
    )
    apply_provider_state(other.pk, report(other), source="test")
    other = Payment.objects.get(pk=other.pk)
    said = RefundReport("3296-refund", other.remote_id, Said.SUCCEEDED, Decimal(299), "RUB")
    refund = import_or_apply_refund(first.account, said, source="notice")
    assert (refund.takes_access, days_left(first), order_of(first).state) == (
        False,
        30,
        Order.State.FULFILLED,
    )
    assert money_at(Account.CREDIT) == 0


def test_f30_a_part_that_went_back_before_access_was_given_is_neither_sold_nor_forgotten(yookassa):
    payment = sent()
    Order.objects.filter(pk=payment.order_id).update(group_ids=["no such group"])
    yookassa.pay(payment.remote_id, notify=False)
    read_back(payment)
    payment = Payment.objects.get(pk=payment.pk)
    import_or_apply_refund(payment.account, in_the_cabinet(yookassa, payment, "100.00"), source="notice")
    Order.objects.filter(pk=payment.order_id).update(group_ids=[])
    assert give_now(payment.order_id, actor="schedule")
    assert (money_at(Account.PREPAID), money_at(Account.SALES)) == (0, Decimal(-199))
    assert Decision.objects.get().kind == Decision.Kind.CONTRADICTION
    assert_books_agree(yookassa)


def test_f30_credit_that_was_spent_before_the_cabinet_sent_it_back_is_put_to_staff(yookassa):
    first = paid(yookassa)
    customer = agree_to_all(first.order.payer)
    other = sent(customer)
    Payment.objects.filter(pk=other.pk).update(order=first.order)
    yookassa.pay(other.remote_id, notify=False)
    read_back(other)
    plan_id = first.order.plan_id
    pay_from_credit(customer.pk, plan_id, seen=quote(customer, plan_id).seen, actor="customer")
    import_or_apply_refund(first.account, in_the_cabinet(yookassa, other), source="notice")
    assert credit_of(customer, "RUB") == -299
    assert (
        Decision.objects.get(state="open", kind="contradiction").details["trouble"].startswith("the credit")
    )
    assert_books_agree(yookassa)
