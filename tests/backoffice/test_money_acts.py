"""What staff do about orders, payments, refunds, decisions and notices: by verbs, shown first, done once."""

from decimal import Decimal

import pytest
from django.urls import reverse

from billing.models import Decision, Notice, Order, Payment, Refund
from billing.services import apply_provider_state, import_payment
from billing.services.journal import credit_of
from subscriptions.models import Plan, Subscription
from tests.backoffice.conftest import allow
from tests.factories import make_customer, make_payment, make_provider_account
from tests.money import report, reread
from tests.refunding import ask_back, days_left, paid, sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]


def act(row, name: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_act", args=[row.pk, name])


def do(client, row, name: str, **values: object):
    return client.post(act(row, name), {**values, "confirm": "1"}, follow=True)


def said(page) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def offered(client, row) -> set[str]:
    page = client.get(reverse(f"admin:billing_{row._meta.model_name}_change", args=[row.pk]))
    return {button.act.name for button in page.context["act_buttons"]}


@pytest.fixture
def stuck(yookassa) -> Order:
    """Paid, but what was bought cannot be given yet."""
    payment = sent()
    Order.objects.filter(pk=payment.order_id).update(group_ids=["no such group"])
    yookassa.pay(payment.remote_id, notify=False)
    return apply_provider_state(payment.pk, report(payment), source="test").order


def test_giving_now_says_why_it_fails_and_gives_once_it_can(client, staff, stuck):
    assert "failed again" in said(do(client, stuck, "give-now"))
    Order.objects.update(group_ids=[])
    do(client, stuck, "give-now")
    assert reread(stuck).state == Order.State.FULFILLED
    assert offered(client, stuck) == {"refund"}


def test_an_open_order_is_closed_after_a_confirmation(client, staff):
    order = make_payment().order
    client.post(act(order, "close"))
    assert reread(order).state == Order.State.OPEN
    do(client, order, "close")
    assert reread(order).state == Order.State.CLOSED


def test_an_order_that_was_paid_meanwhile_is_not_closed(client, staff, yookassa):
    order = paid(yookassa).order
    assert "is fulfilled" in said(do(client, order, "close"))
    assert reread(order).state == Order.State.FULFILLED


def test_reading_back_books_what_the_provider_says(client, staff, yookassa):
    payment = sent()
    yookassa.pay(payment.remote_id, notify=False)
    assert "Succeeded" in said(do(client, payment, "read-back"))
    assert reread(payment.order).state == Order.State.FULFILLED


def test_reading_back_twice_asks_the_provider_once(client, staff, yookassa):
    payment = sent()
    yookassa.forget_calls()
    for _ in range(2):
        page = do(client, payment, "read-back")
    assert "Not read" in said(page)
    assert len(yookassa.calls(f"GET /v3/payments/{payment.remote_id}")) == 1


def test_reading_back_from_a_provider_that_is_away_breaks_nothing(client, staff, yookassa):
    payment = sent()
    yookassa.outage(True)
    assert "Not read" in said(do(client, payment, "read-back"))
    assert reread(payment).state == Payment.State.PENDING


def by_hand(**values: object) -> dict[str, object]:
    month = Plan.objects.get(code="month").pk
    form_uuid = "11111111-2222-4333-8444-555555555555"
    form = {"plan": month, "amount": "250", "currency": "RUB", "method": "cash", "form_uuid": form_uuid}
    return {**form, "reason": "paid at the meeting", **values}


def test_a_payment_by_hand_is_shown_then_booked_and_given_once(client, staff):
    customer = make_customer()
    page = client.post(act(customer, "book-by-hand"), by_hand())
    assert [str(change.after) for change in page.context["changes"]][1:] == ["250\u00a0₽", "new: 30 days"]
    assert not Order.objects.exists()
    for _ in range(2):
        do(client, customer, "book-by-hand", **by_hand())
    payment = Payment.objects.get()
    assert (payment.provider, payment.received_amount, payment.method) == ("manual", Decimal(250), "cash")
    assert Subscription.objects.get(user=customer).plan.code == "month"


def test_a_payment_by_hand_from_the_list_asks_for_whom(client, staff):
    customer = make_customer()
    address = reverse("admin:billing_order_list_act", args=["book-by-hand"])
    assert address in client.get(reverse("admin:billing_order_changelist")).content.decode()
    page = client.post(address, {**by_hand(), "telegram_id": 5, "confirm": "1"})
    assert "telegram_id" in page.context["form"].errors
    client.post(address, {**by_hand(), "telegram_id": customer.telegram_id, "confirm": "1"})
    assert Order.objects.get().payer == customer


@pytest.mark.parametrize("wrong", [{"amount": "0"}, {"amount": "1.005"}, {"reason": ""}, {"method": "bees"}])
def test_a_wrong_payment_by_hand_books_nothing(client, staff, wrong):
    page = do(client, make_customer(), "book-by-hand", **by_hand(**wrong))
    assert page.context["form"].errors
    assert not Order.objects.exists()


def test_booking_by_hand_has_a_permission_of_its_own(client, helper):
    allow(helper, "view_order", "change_order", "view_user", "change_user")
    customer = make_customer()
    from_list = reverse("admin:billing_order_list_act", args=["book-by-hand"])
    assert client.post(act(customer, "book-by-hand"), {**by_hand(), "confirm": "1"}).status_code == 403
    assert client.post(from_list, {**by_hand(), "confirm": "1"}).status_code == 403
    assert not Order.objects.exists()


@pytest.fixture
def by_hand_refund(yookassa) -> Refund:
    """A refund that the provider will not pay."""
    refund = ask_back(paid(yookassa))
    Refund.objects.filter(pk=refund.pk).update(state=Refund.State.MANUAL)
    return reread(refund)


def test_a_refund_is_paid_out_by_hand_with_a_reason(client, staff, by_hand_refund):
    assert offered(client, by_hand_refund) == {"pay-out", "try-again", "give-up"}
    do(client, by_hand_refund, "pay-out", reason="")
    assert reread(by_hand_refund).state == Refund.State.MANUAL
    do(client, by_hand_refund, "pay-out", reason="sent to their phone")
    assert reread(by_hand_refund).state == Refund.State.SUCCEEDED


def test_a_refund_is_tried_again(client, staff, by_hand_refund):
    do(client, by_hand_refund, "try-again", reason="they opened the card again")
    assert reread(by_hand_refund).state == Refund.State.REQUESTED
    assert offered(client, by_hand_refund) == set()


def test_giving_up_a_refund_gives_the_access_back(client, staff, by_hand_refund):
    assert days_left(by_hand_refund.payment) == 0
    do(client, by_hand_refund, "give-up", reason="they changed their mind")
    assert reread(by_hand_refund).state == Refund.State.FAILED
    assert days_left(by_hand_refund.payment) == 30


@pytest.fixture
def stranger(db) -> Decision:
    """Money that came from nowhere."""
    told = report(Payment(amount=Decimal(500), currency="RUB"), key="")
    import_payment(make_provider_account(), told, source="sweep")
    return Decision.objects.get()


def test_money_of_nobody_is_credited_to_whom_staff_find(client, staff, stranger):
    customer = make_customer()
    form = {"telegram_id": customer.telegram_id, "reason": "their mail of Monday"}
    page = client.post(act(stranger, "credit"), form)
    assert [str(change.after) for change in page.context["changes"]][1] == "500\u00a0₽"
    assert credit_of(customer, "RUB") == 0
    for _ in range(2):
        do(client, stranger, "credit", **form)
    assert credit_of(customer, "RUB") == 500


def test_a_decision_offers_what_answers_it_and_nothing_once_it_is_made(client, staff, stranger):
    assert offered(client, stranger) == {"credit", "refund", "dismiss"}
    do(client, stranger, "dismiss", reason="a test of the bank")
    assert offered(client, stranger) == set()
    page = client.get(reverse("admin:billing_decision_change", args=[stranger.pk])).content.decode()
    assert "a test of the bank" in page and "olga" in page


def test_money_of_another_sum_pays_the_order_when_staff_say_so(client, staff):
    payment = make_payment()
    apply_provider_state(payment.pk, report(payment, amount=Decimal(200)), source="test")
    decision = Decision.objects.get()
    page = client.post(act(decision, "give"), {"reason": "a promise"})
    assert [str(change.after) for change in page.context["changes"]] == ["Paid, not given yet", "200\u00a0₽"]
    do(client, decision, "give", reason="a promise")
    assert reread(payment.order).state == Order.State.FULFILLED


def test_money_of_nobody_is_sent_back(client, staff, stranger):
    do(client, stranger, "refund", reason="not ours")
    assert Refund.objects.get().amount == 500


def test_a_customer_who_does_not_exist_gets_nothing(client, staff, stranger):
    page = do(client, stranger, "credit", telegram_id=5, reason="who knows")
    assert page.context["form"].errors.keys() == {"telegram_id"}
    stranger.refresh_from_db()
    assert stranger.state == Decision.State.OPEN


@pytest.mark.parametrize("name", ["credit", "refund", "dismiss"])
def test_deciding_needs_the_permission(client, helper, stranger, name):
    allow(helper, "view_decision")
    assert client.post(act(stranger, name), {"confirm": "1", "reason": "x"}).status_code == 403


def test_a_dead_notice_is_worked_off_again(client, staff, life):
    notice = life.sale.notice
    Notice.objects.update(state=Notice.State.DEAD, attempts=9)
    assert offered(client, notice) == {"work-again"}
    do(client, notice, "work-again")
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == (Notice.State.RECEIVED, 0)


@pytest.mark.parametrize("name", ["order", "payment", "refund", "decision", "notice", "journalentry"])
def test_rows_of_money_are_neither_made_nor_edited_nor_deleted_by_hand(client, staff, life, name):
    sale = life.sale
    row = getattr(sale, name, None) or sale.order.journal.first()
    page = reverse(f"admin:billing_{name}_change", args=[row.pk])
    assert client.post(page, {"state": "paid"}).status_code == 403
    assert client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert client.get(reverse(f"admin:billing_{name}_add")).status_code == 403
