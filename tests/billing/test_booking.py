"""The one verb: what a provider says becomes money and access, once."""

from decimal import Decimal

import pytest
from django.db import connection

from billing.errors import NoSuchPayment
from billing.models import Decision, JournalEntry, Notice, Order, Payment
from billing.providers.base import Said
from billing.services import payments
from billing.services.payments import apply_provider_state, import_payment
from notifications.models import OutboxMessage
from subscriptions.models import Grant, Subscription
from tests.factories import make_payment, make_subscription
from tests.money import money_at, report, reread

pytestmark = pytest.mark.django_db
Account = JournalEntry.Account


def say(payment: Payment, *reports: object) -> Payment:
    for one in reports:
        apply_provider_state(payment.pk, one, source="test")
    return reread(payment)


def test_a_success_books_the_money_and_gives_the_access():
    payment = make_payment()
    payment = say(payment, report(payment))
    assert (payment.state, payment.booked_as) == ("succeeded", "order")
    order = payment.order
    assert order.state == Order.State.FULFILLED
    assert Grant.objects.get(source=f"order:{order.pk}").seconds == 30 * 86_400
    assert (money_at(Account.PROVIDER), money_at(Account.SALES)) == (Decimal(299), Decimal(-299))
    assert money_at(Account.PREPAID) == 0


def test_a_renewal_runs_from_the_end_of_what_is_held():
    held = make_subscription()
    payment = make_payment(held.user)
    assert payment.order.kind == Order.Kind.RENEWAL
    say(payment, report(payment))
    after = Subscription.objects.get()
    assert (after.expires_at - held.expires_at).days == 30
    assert after.plan.code == "month"


@pytest.mark.parametrize("said", [Said.PENDING, Said.HELD, Said.CANCELED, Said.UNKNOWN])
def test_whatever_is_no_success_gives_nothing(said):
    payment = make_payment()
    say(payment, report(payment, said))
    assert not Grant.objects.exists()
    assert not JournalEntry.objects.exists()


def test_a_success_reported_again_changes_nothing():
    payment = make_payment()
    first = report(payment)
    say(payment, first)
    before = (JournalEntry.objects.count(), Grant.objects.count(), OutboxMessage.objects.count())
    say(payment, first, first)
    assert (JournalEntry.objects.count(), Grant.objects.count(), OutboxMessage.objects.count()) == before


def test_the_fee_is_booked_when_it_becomes_known():
    payment = make_payment()
    told = report(payment)
    say(payment, told, report(reread(payment), fee=Decimal("10.47"), remote_id=told.remote_id))
    assert money_at(Account.FEES) == Decimal("10.47")
    assert money_at(Account.PROVIDER) == Decimal("288.53")


def test_another_shop_is_not_believed():
    payment = make_payment()
    say(payment, report(payment, remote_account="999"))
    assert Decision.objects.get().kind == Decision.Kind.CONTRADICTION
    assert not JournalEntry.objects.exists()


def test_a_payment_nobody_knows_is_no_payment():
    payment = make_payment()
    with pytest.raises(NoSuchPayment):
        apply_provider_state(payment.pk + 1, report(payment), source="test")


def test_a_failure_while_giving_leaves_the_money_booked():
    payment = make_payment()
    Order.objects.filter(pk=payment.order_id).update(group_ids=["no such group"])
    payment = say(payment, report(payment))
    assert (payment.state, payment.order.state) == ("succeeded", "paid")
    assert payment.order.fulfilment_error
    assert (money_at(Account.PROVIDER), money_at(Account.PREPAID)) == (Decimal(299), Decimal(-299))


def test_an_imported_payment_of_ours_pays_its_order():
    payment = make_payment()
    import_payment(payment.account, report(payment), source="sweep")
    assert reread(payment).order.state == Order.State.FULFILLED


def test_an_imported_stranger_without_money_is_left_alone():
    payment = make_payment()
    stranger = report(payment, Said.PENDING, key="")
    assert import_payment(payment.account, stranger, source="sweep") is None
    assert Payment.objects.count() == 1


def test_money_under_what_only_looks_like_a_key_waits_for_staff():
    payment = make_payment()
    odd = report(payment, key="zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz")
    assert import_payment(payment.account, odd, source="sweep").booked_as == "suspense"


def test_the_dead_link_of_an_old_report_does_not_come_back():
    """An answer that was repeated by its key may be the picture of long ago."""
    payment = make_payment()
    told = report(payment)
    payment = say(payment, told, report(payment, Said.PENDING, remote_id=told.remote_id))
    assert payment.state == Payment.State.SUCCEEDED


def test_what_one_success_costs_in_queries(django_assert_num_queries):
    payment = make_payment()
    told = report(payment)
    asks_the_clock = connection.vendor == "postgresql"
    with django_assert_num_queries(31 + asks_the_clock):
        apply_provider_state(payment.pk, told, source="test")
    assert Notice.objects.count() == 0
    with django_assert_num_queries(5):
        apply_provider_state(payment.pk, told, source="test")


def test_the_transition_table_knows_every_state():
    assert set(Payment.TRANSITIONS) == set(Payment.State)
    assert set(Order.TRANSITIONS) == set(Order.State)
    assert set(payments.STATES.values()) < set(Payment.State)
