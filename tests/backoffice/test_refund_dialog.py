"""The refund dialog: what is proposed, what is shown before it is done, and that it is done once."""

from decimal import Decimal

import pytest
from django.urls import reverse

from billing.models import Order, Payment, Refund
from billing.services import apply_provider_state
from tests.backoffice.conftest import allow
from tests.factories import let_pass
from tests.money import report
from tests.refunding import days_left, end_of, paid, sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installation")]


def dialog(row: Order | Payment) -> str:
    return reverse(f"admin:billing_{row._meta.model_name}_act", args=[row.pk, "refund"])


def asked(page, name: str) -> object:
    return page.context["form"][name].value()


@pytest.fixture
def payment(staff, yookassa) -> Payment:
    """Paid and given, ten days of thirty ago."""
    found = paid(yookassa)
    let_pass(end_of(found), days=10)
    return found


def filled(client, row: Order | Payment, **values: object) -> dict[str, object]:
    """The dialog as it is filled in, with the number the page gave it."""
    form_uuid = asked(client.get(dialog(row)), "form_uuid")
    return {"how": "all", "reason": "a complaint", "takes_access": "on", "form_uuid": form_uuid, **values}


def confirmed(client, row: Order | Payment, **values: object):
    """Go through both pages, the second with what the first one hides in it."""
    form = filled(client, row, **values)
    shown = client.post(dialog(row), form)
    form["settled"] = asked(shown, "settled") or ""
    return client.post(dialog(row), {**form, "confirm": "1"})


def test_the_unused_part_and_all_are_proposed_with_their_sums(client, payment):
    choices = [str(label) for _, label in client.get(dialog(payment)).context["form"].fields["how"].choices]
    assert choices[0].startswith("What was not used yet: 199.3")
    assert choices[1] == "All that is left: 299\u00a0₽"


def test_money_and_access_are_shown_before_and_after_and_nothing_is_done(client, payment):
    page = client.post(dialog(payment), filled(client, payment))
    labels = [str(change.label) for change in page.context["changes"]]
    assert labels == ["Goes back", "Can still be refunded", "Access ends"]
    access = page.context["changes"][2]
    assert access.before != access.after
    assert (Refund.objects.count(), days_left(payment)) == (0, 20)


@pytest.mark.parametrize("how", ["unused", "all"])
def test_a_confirmation_pressed_twice_is_answered_twice_and_refunds_once(client, payment, how):
    form = filled(client, payment, how=how)
    form["settled"] = asked(client.post(dialog(payment), form), "settled")
    for _ in range(2):
        page = client.post(dialog(payment), {**form, "confirm": "1"}, follow=True)
        assert [message.level_tag for message in page.context["messages"]] == ["success"]
    assert Refund.objects.count() == 1


def test_all_goes_back_and_takes_the_access(client, payment):
    confirmed(client, payment)
    refund = Refund.objects.get()
    assert (refund.amount, refund.reason, refund.actor) == (Decimal(299), "a complaint", "olga")
    assert days_left(payment) == 0


def test_the_unused_part_goes_back_as_it_was_shown_though_time_passes(client, payment):
    form = filled(client, payment, how="unused")
    form["settled"] = asked(client.post(dialog(payment), form), "settled")
    let_pass(end_of(payment), days=1)
    client.post(dialog(payment), {**form, "confirm": "1"})
    assert str(Refund.objects.get().amount) == form["settled"]


def test_another_sum_takes_its_part_of_the_time(client, payment):
    confirmed(client, payment, how="other", amount="29.90")
    assert (Refund.objects.get().amount, days_left(payment)) == (Decimal("29.90"), 17)


def test_access_is_left_where_staff_say_so(client, payment):
    form = filled(client, payment)
    del form["takes_access"]
    page = client.post(dialog(payment), form)
    access = page.context["changes"][2]
    assert access.before == access.after
    client.post(dialog(payment), {**form, "confirm": "1"})
    assert (Refund.objects.count(), days_left(payment)) == (1, 20)


def test_a_dialog_sent_twice_refunds_once(client, payment):
    form = filled(client, payment, how="other", amount="100", confirm="1")
    for _ in range(2):
        client.post(dialog(payment), form)
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": ""},
        {"how": "other"},
        {"how": "other", "amount": "0"},
        {"how": "other", "amount": "1.001"},
        {"how": "all", "amount": "5"},
        {"how": "everything"},
    ],
)
def test_a_wrong_dialog_is_shown_again_and_does_nothing(client, payment, wrong):
    page = client.post(dialog(payment), {**filled(client, payment), **wrong, "confirm": "1"})
    assert page.context["form"].errors
    assert not Refund.objects.exists()


def test_more_than_came_in_is_refused_in_words(client, payment):
    page = confirmed(client, payment, how="other", amount="300")
    assert page.status_code == 200
    assert page.context["messages"]
    assert not Refund.objects.exists()


def test_what_is_on_its_way_is_not_offered_again(client, payment):
    confirmed(client, payment)
    page = client.get(dialog(payment), follow=True)
    assert "on its way" in page.content.decode()


def test_the_order_leads_to_the_same_refund(client, payment):
    confirmed(client, payment.order)
    assert Refund.objects.get().payment == payment


def test_an_unpaid_order_has_nothing_to_refund(client, staff, yookassa):
    order = sent().order
    page = client.get(reverse("admin:billing_order_change", args=[order.pk]))
    assert [button.act.name for button in page.context["act_buttons"]] == ["close"]
    assert client.get(dialog(order), follow=True).status_code == 200


def test_after_the_window_staff_are_asked_to_say_why(client, payment):
    Payment.objects.update(succeeded_at=payment.succeeded_at.replace(year=2020))
    assert "14 days" in client.get(dialog(payment)).context["form"].fields["reason"].help_text


def test_refunding_has_a_permission_of_its_own(client, payment, helper):
    allow(helper, "view_payment", "change_payment", "change_order")
    assert client.post(dialog(payment), {"confirm": "1"}).status_code == 403
    allow(helper, "add_refund")
    assert client.get(dialog(payment)).status_code == 200


def test_a_late_second_payment_is_refunded_without_touching_access(client, payment):
    second = Payment.objects.create(
        order=payment.order, account=payment.account, provider="yookassa", amount=299, currency="RUB"
    )
    second = apply_provider_state(second.pk, report(second), source="test")
    confirmed(client, second)
    assert (Refund.objects.get().payment, days_left(payment)) == (second, 20)
