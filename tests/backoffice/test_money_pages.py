"""Pages and lists of money: what they show, how a row is found, and what they never show."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.models import AuditEvent
from billing.models import BillingRules, JournalEntry, Notice, Order, Payment, PaymentEvent
from core import clock
from tests.backoffice.conftest import allow, live, order_of, payment_of, shop_account
from tests.factories import make_customer, make_subscription

pytestmark = pytest.mark.django_db


def page_of(client, row) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return client.get(reverse(name, args=[row.pk])).content.decode()


def found(client, model: str, query: str) -> set[int]:
    page = client.get(f"{reverse(f'admin:billing_{model}_changelist')}?{query}")
    return {row.pk for row in page.context["cl"].result_list}


def test_the_page_of_a_payment_tells_its_story_in_order(client, staff, sale):
    PaymentEvent.objects.create(payment=sale.payment, kind="booked", actor="schedule")
    page = client.get(reverse("admin:billing_payment_change", args=[sale.payment.pk]))
    lines = [line.title for line in page.context["parts"]["story"]]
    assert lines == ["Provider's answer", "payment.succeeded", "Booked"]
    shown = page.content.decode()
    for expected in (sale.payment.remote_id, str(sale.payment.key), "did not like it", "content_copy"):
        assert expected in shown


def test_answers_are_laid_out_without_personal_data(client, staff, sale):
    said = {"status": "succeeded", "receipt": {"customer": {"email": "anna@example.com"}}}
    PaymentEvent.objects.create(payment=sale.payment, kind="answer", actor="schedule", data=said)
    shown = page_of(client, sale.payment)
    assert "&quot;status&quot;: &quot;succeeded&quot;" in shown
    assert "anna@example.com" not in shown
    assert "a@example.com" not in shown + page_of(client, sale.notice)  # in the raw body of the notice


@pytest.mark.parametrize("body", ["not json", "[" * 5000, json.dumps("<script>alert(1)</script>")])
def test_odd_bodies_of_notices_break_no_page(client, staff, sale, body):
    Notice.objects.update(body=body)
    assert "<script>alert(1)" not in page_of(client, sale.notice) + page_of(client, sale.payment)


def test_what_providers_write_cannot_run_on_a_page(client, staff, sale):
    PaymentEvent.objects.create(
        payment=sale.payment, kind="answer", text="<script>x</script>", actor="y", data={"a": "<script>"}
    )
    Payment.objects.filter(pk=sale.payment.pk).update(reason="<script>x</script>", remote_id="<script>")
    assert "<script>x</script>" not in page_of(client, sale.payment)
    assert "<code><script>" not in page_of(client, sale.payment)


@pytest.mark.parametrize("currency", ["KZT", ""])
def test_money_of_a_currency_we_do_not_know_is_shown_by_its_code(client, staff, sale, currency):
    Payment.objects.update(received_currency=currency, received_amount=Decimal("1000.50"))
    assert f"1,000.50\u00a0{currency}" in page_of(client, sale.payment)


def test_the_page_of_an_order_shows_its_payments_refunds_and_journal(client, staff, sale):
    shown = page_of(client, sale.order)
    for expected in (f"sale:order:{sale.order.pk}", "did not like it", "299\u00a0₽", str(sale.order.payer)):
        assert expected in shown


def test_a_payment_that_nobody_knows_has_a_page(client, staff):
    payment = payment_of(None, shop_account(), booked_as="suspense")
    assert "Waits for a decision" in page_of(client, payment)


def test_rows_are_found_by_what_staff_have_of_them(client, staff, life):
    other, payment = live(), life.sale.payment
    for text in (payment.remote_id, payment.key, payment.pk, life.customer.telegram_id):
        assert found(client, "payment", f"q={text}") == {payment.pk}
    for text in (f"%23{life.sale.order.pk}", life.customer.telegram_id):
        assert found(client, "order", f"q={text}") == {life.sale.order.pk}
    assert found(client, "refund", f"q={life.customer.telegram_id}") == {life.sale.refund.pk}
    assert found(client, "notice", f"q={payment.remote_id}") == {life.sale.notice.pk}
    assert other.sale.payment.pk not in found(client, "payment", "q=nonsense")


def test_the_journal_is_filtered_by_account_and_found_by_fact(client, staff, life):
    order = life.sale.order
    sale, charge = (JournalEntry.objects.get(order=order, debit=debit) for debit in ("prepaid", "provider"))
    assert found(client, "journalentry", "account=sales") == {sale.pk}
    assert found(client, "journalentry", "account=prepaid") == {sale.pk, charge.pk}
    assert found(client, "journalentry", "currency=USD") == set()
    assert found(client, "journalentry", f"q=sale:order:{order.pk}") == {sale.pk}


def test_balances_stand_above_the_journal(client, staff, life):
    cache.clear()
    page = client.get(reverse("admin:billing_journalentry_changelist"))
    shown = {balance.name: balance.amount for balance in page.context["balances"]}
    assert shown == {
        "Money at the provider": "299\u00a0₽",
        "Paid orders, not given yet": "0\u00a0₽",
        "Sales": "299\u00a0₽",
    }


def test_balances_add_up_over_midnight(client, staff, life):
    JournalEntry.objects.filter(debit="provider").update(created_at=clock.now() - timedelta(days=3))
    page = reverse("admin:billing_journalentry_changelist")
    cache.clear()
    before = {balance.name: balance.amount for balance in client.get(page).context["balances"]}
    entry = {"debit": "cash", "credit": "sales", "amount": 1, "currency": "RUB", "actor": "x"}
    JournalEntry.objects.create(fact="x", **entry)
    after = {balance.name: balance.amount for balance in client.get(page).context["balances"]}
    assert (before["Money at the provider"], before["Sales"]) == ("299\u00a0₽", "299\u00a0₽")
    assert (after["Money at the provider"], after["Sales"]) == ("299\u00a0₽", "300\u00a0₽")


def test_what_is_paid_and_does_not_work_is_a_list(client, staff):
    customer, paid_at = make_customer(), clock.now() - timedelta(minutes=2)
    fields = {"state": Order.State.PAID, "fulfilled_at": None}
    late = order_of(customer, paid_at=paid_at, **fields)
    order_of(customer, **fields)  # paid just now
    order_of(customer, make_subscription(), paid_at=paid_at - timedelta(days=1), fulfilled_at=paid_at)
    assert late.pk in found(client, "order", "stuck=yes")
    assert len(found(client, "order", "stuck=yes")) == 1


def test_open_decisions_come_first(client, staff):
    first, second = live().sale.decision, live().sale.decision
    type(first).objects.filter(pk=first.pk).update(state="open", decided_at=None)
    page = client.get(reverse("admin:billing_decision_changelist"))
    assert [row.pk for row in page.context["cl"].result_list] == [first.pk, second.pk]


@pytest.mark.parametrize("name", ["order", "payment", "refund", "decision"])
def test_a_page_costs_the_same_however_much_hangs_on_it(client, staff, sale, queries, name):
    def cost() -> int:
        cache.clear()
        with queries() as seen:
            page_of(client, getattr(sale, name))
        return len(seen)

    cost()
    few = cost()
    for number in range(20):
        PaymentEvent.objects.create(payment=sale.payment, kind="read", actor="schedule", data={"n": number})
        payment_of(sale.order, sale.account, booked_as="credit")
        sale.refund.pk, sale.refund.key = None, f"00000000-0000-4000-8000-{number:012}"
        sale.refund.save()
    assert cost() == few


def test_the_rules_for_money_are_one_page_with_a_trail(client, staff):
    form = {"refund_days": 30, "extra_money": "refund"}
    first = client.get(reverse("admin:billing_billingrules_changelist"), follow=True)
    assert 'name="refund_days" value="14"' in first.content.decode()
    client.post(reverse("admin:billing_billingrules_add"), form)
    rules = BillingRules.objects.get()
    assert (rules.refund_days, rules.extra_money) == (30, "refund")
    client.post(reverse("admin:billing_billingrules_change", args=[rules.pk]), {**form, "refund_days": 7})
    lines = AuditEvent.objects.filter(action="billing_rules.changed", actor="olga").order_by("id")
    assert [line.data.get("refund_days") for line in lines] == ["30", "7"]
    there = client.get(reverse("admin:billing_billingrules_changelist"))
    assert there.url == reverse("admin:billing_billingrules_change", args=[rules.pk])
    assert client.get(reverse("admin:billing_billingrules_add")).status_code == 403


def test_the_customers_page_shows_what_they_bought_and_our_debt_to_them(client, staff, life):
    JournalEntry.objects.create(
        fact="x", debit="cash", credit="credit", amount=50, currency="RUB", customer=life.customer, actor="x"
    )
    page = client.get(reverse("admin:accounts_user_change", args=[life.customer.pk]))
    assert page.context["money"].credit == "50\u00a0₽"
    assert page.context["money"].orders == [life.sale.order]
    assert "Payment of 299" in page.content.decode()


def test_money_is_not_on_the_customers_page_for_those_who_may_not_see_it(client, helper, life):
    allow(helper, "view_user", "view_subscription")
    page = client.get(reverse("admin:accounts_user_change", args=[life.customer.pk]))
    assert page.context["money"] is None
    assert "299\u00a0₽" not in page.content.decode()
