"""Buying by presses: what each does once, and what stands in its way. No provider is called from here."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accounts import services as accounts
from accounts.models import Consent, Document, User
from billing import services as billing
from billing.models import JournalEntry, Order, Payment, Price
from billing.services.journal import book
from core import clock
from notifications.kinds import Rendered
from subscriptions.models import Plan
from telegram_bot import services
from telegram_bot.handlers import ACTIONS
from telegram_bot.intents import callback_data
from telegram_bot.models import Update
from telegram_bot.screens import Unprepared
from tests.factories import (
    agree_to_all,
    make_customer,
    make_payment,
    make_provider_account,
    make_subscription,
    serve,
)
from tests.telegram_bot.test_inbox import store
from tests.telegram_bot.test_intents import ANNA, message, press

numbers = iter(range(1, 10**9))


def shown(payload: dict) -> Rendered:
    """Carry out an update and return its screen, without what it would ask the provider first."""
    screen = services.decide(store(payload, next(numbers)))
    screen = screen.render() if isinstance(screen, Unprepared) else screen
    assert screen is not None
    return screen


def tap(action: str) -> Rendered:
    return shown(press(callback_data(action)))


def actions(screen: Rendered) -> list[str]:
    return [button.action for row in screen.buttons for button in row if button.action]


def action(screen: Rendered, name: str) -> str:
    return next(each for each in actions(screen) if each.split(":")[0] == name)


@pytest.fixture
def anna(db) -> User:
    return make_customer(telegram_id=ANNA["id"])


@pytest.fixture
def shop(anna):
    """A shop that takes money, and Anna who has agreed to its texts."""
    agree_to_all(anna)
    return make_provider_account()


@pytest.fixture
def month(db) -> Plan:
    return Plan.objects.get(code="month")


def test_each_plan_has_a_button_that_carries_no_price(shop):
    screen = tap("plans")
    plans = Plan.objects.filter(is_open=True, is_trial=False)
    assert {f"buy:{plan.pk}" for plan in plans} <= set(actions(screen))
    assert not any("299" in each for each in actions(screen))


def test_who_holds_a_subscription_renews(shop, anna):
    make_subscription(anna)
    labels = [button.label for row in tap("plans").buttons for button in row]
    assert any(label.startswith("Renew: 30 days") for label in labels)


@pytest.mark.parametrize("trouble", [{"is_open": False}, {"refused_at": clock.now()}])
def test_a_shop_that_cannot_take_money_says_so(anna, month, trouble, settings):
    settings.SUPPORT_CONTACT = "@shop_help"
    agree_to_all(anna)
    make_provider_account(**trouble)
    for screen in (tap("plans"), tap(f"buy:{month.pk}")):
        assert "not possible right now" in screen.text and "@shop_help" in screen.text
        assert not {"buy", "pay"} & {each.split(":")[0] for each in actions(screen)}


def test_paying_waits_for_each_consent_by_a_press_of_its_own(anna, month):
    make_provider_account()
    screen = tap(f"buy:{month.pk}")
    for kind in (Document.Kind.OFFER, Document.Kind.PERSONAL_DATA):
        assert "/documents/" in screen.text and "pay" not in str(actions(screen))
        screen = tap(action(screen, "agree"))
        assert Consent.objects.filter(user=anna, document__kind=kind).exists()
    assert Consent.objects.count() == 2 and action(screen, "pay")


def test_a_new_version_is_asked_for_before_the_next_order(shop, month):
    screen = tap(f"buy:{month.pk}")
    accounts.publish_document(
        Document.Kind.OFFER, title_en="New", title_ru="Н", body_en="b", body_ru="т", actor="olga"
    )
    assert "agree" in str(actions(tap(action(screen, "pay"))))
    assert not Order.objects.exists()


def test_an_outdated_text_cannot_be_agreed_to(anna, month):
    old = Document.objects.get(kind=Document.Kind.OFFER)
    accounts.publish_document(
        Document.Kind.OFFER, title_en="New", title_ru="Н", body_en="b", body_ru="т", actor="olga"
    )
    assert "New" in tap(f"agree:{old.pk}:{month.pk}").text
    assert not Consent.objects.exists()


def test_two_phones_that_press_pay_get_one_payment(shop, month):
    button = action(tap(f"buy:{month.pk}"), "pay")
    for _ in range(2):
        assert "being prepared" in tap(button).text
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)


def test_a_replayed_press_orders_no_second_time(shop, month):
    update = store(press(callback_data(f"pay:{month.pk}:{shop.pk}")), next(numbers))
    services.decide(update)
    Order.objects.update(state=Order.State.CLOSED, closed_at=clock.now())
    assert isinstance(services.decide(update), Unprepared)
    assert Order.objects.count() == 1


def test_the_checkout_says_what_it_gives_and_costs(shop, anna, month):
    make_subscription(anna)
    text = tap(f"buy:{month.pk}").text
    assert "30 days" in text and "299" in text and "You renew" in text and "Test mode" in text


def test_a_plan_taken_off_sale_cannot_be_bought_by_an_old_button(shop, month):
    screen = tap(f"buy:{month.pk}")
    Plan.objects.filter(pk=month.pk).update(is_open=False)
    assert "no longer on sale" in tap(action(screen, "pay")).text
    assert "no longer on sale" in tap(f"buy:{month.pk}").text
    assert not Order.objects.exists()


def test_a_hidden_provider_leaves_the_others(shop, month):
    other = make_provider_account(remote_account="100501")
    screen = tap(f"buy:{month.pk}")
    type(shop).objects.filter(pk=shop.pk).update(refused_at=clock.now())
    screen = tap(action(screen, "pay"))
    assert [each for each in actions(screen) if each.startswith("pay")] == [f"pay:{month.pk}:{other.pk}"]


def test_a_test_account_beside_a_live_one_is_marked(shop, month):
    make_provider_account(remote_account="100501", is_test=False)
    screen = tap(f"buy:{month.pk}")
    signs = [button.label[0] for row in screen.buttons for button in row if button.action.startswith("pay")]
    assert sorted(signs) == ["💳", "🧪"] and "Test mode" not in screen.text


def give_credit(customer: User, amount: int) -> None:
    to, come = JournalEntry.Account.CASH, JournalEntry.Account.CREDIT
    book(f"gift:{amount}", debit=to, credit=come, amount=amount, currency="RUB", actor="t", customer=customer)


def test_credit_pays_once_for_the_deal_that_was_shown(shop, anna, month):
    give_credit(anna, 700)
    button = action(tap(f"buy:{month.pk}"), "credit")
    assert "Paid" in tap(button).text
    assert "Paid" in tap(button).text, "the second of two quick presses sees what the first one bought"
    Payment.objects.update(succeeded_at=clock.now() - timedelta(minutes=2))
    assert "Choose how to pay" in tap(button).text, "an old button sees what is left"
    assert billing.credit_of(anna, "RUB") == 401
    assert Order.objects.get().state == Order.State.FULFILLED


def test_credit_is_not_spent_on_another_price_than_shown(shop, anna, month):
    give_credit(anna, 700)
    button = action(tap(f"buy:{month.pk}"), "credit")
    Price.objects.filter(plan=month).update(amount=500)
    assert "500" in tap(button).text
    assert not Order.objects.exists()


def test_an_order_is_cancelled_only_after_a_second_thought(shop, anna):
    payment = make_payment(anna)
    asked = tap(f"close:{payment.order_id}")
    assert f"Cancel order {payment.order_id}?" in asked.text
    assert Order.objects.get().state == Order.State.OPEN
    assert "is closed" in tap(action(asked, "drop")).text
    assert Order.objects.get().state == Order.State.CLOSED


def test_what_belongs_to_somebody_else_stays_theirs(shop, anna):
    payment = make_payment(make_customer())
    for name in ("check", "order", "close", "drop", "again"):
        number = payment.pk if name == "check" else payment.order_id
        assert "Hello" in tap(f"{name}:{number}").text, name
    assert Order.objects.get().state == Order.State.OPEN
    assert "Hello" in shown(message(f"/start order_{payment.order_id}")).text


def test_a_provider_that_takes_nothing_now_is_said_as_it_is(shop, anna):
    payment = make_payment(anna)
    type(shop).objects.update(refused_at=clock.now())
    screen = tap(f"order:{payment.order_id}")
    assert "does not work right now" in screen.text and f"buy:{payment.order.plan_id}" in actions(screen)


def test_coming_back_from_the_page_shows_the_order(shop, anna):
    payment = make_payment(anna)
    assert f"Order {payment.order_id}" in shown(message(f"/start order_{payment.order_id}")).text


def test_a_newcomer_with_an_order_link_is_greeted(db):
    assert "Hello" in shown(message("/start order_1")).text
    assert User.objects.get().start_payload == "order_1"


def test_paying_anew_makes_a_fresh_payment_of_the_same_order(shop, anna):
    payment = make_payment(anna)
    Payment.objects.update(state=Payment.State.CANCELED, reason="insufficient_funds")
    tap(f"again:{payment.order_id}")
    fresh = Payment.objects.exclude(pk=payment.pk).get()
    assert fresh.order_id == payment.order_id and fresh.key != payment.key


@pytest.mark.parametrize("news", [{"amount": 349}, {"plan": {"devices": 1}}])
def test_paying_anew_on_other_terms_shows_them_first(shop, anna, month, news):
    payment = make_payment(anna)
    Payment.objects.update(state=Payment.State.CANCELED)
    if "plan" in news:
        Plan.objects.filter(pk=month.pk).update(**news["plan"])
    else:
        Price.objects.filter(plan=month).update(**news)
    assert action(tap(f"again:{payment.order_id}"), "pay")
    assert Payment.objects.count() == 1


def test_paying_a_settled_order_anew_shows_it(shop, anna, month):
    give_credit(anna, 700)
    tap(action(tap(f"buy:{month.pk}"), "credit"))
    assert "Paid" in tap(f"again:{Order.objects.get().pk}").text
    assert Payment.objects.count() == 1


def test_what_was_bought_leads_to_the_key(shop, anna, month):
    subscription = make_subscription(anna)
    serve(subscription)
    give_credit(anna, 299)
    screen = tap(action(tap(f"buy:{month.pk}"), "credit"))
    subscription.refresh_from_db()
    assert "key" in actions(screen) and str(subscription.expires_at.year) in screen.text


def test_my_payments_are_the_last_ten_newest_first(shop, anna, month):
    assert "not bought anything" in tap("orders").text
    give_credit(anna, 5)
    assert "Your credit: 5" in tap("orders").text
    for _ in range(12):
        make_payment(anna)
        Order.objects.filter(state="open").update(state=Order.State.CLOSED, closed_at=clock.now())
    rows = [each for each in actions(tap("orders")) if each.startswith("order:")]
    newest = Order.objects.order_by("-id").values_list("pk", flat=True)[:10]
    assert rows == [f"order:{pk}" for pk in newest]


def test_help_names_the_last_order(shop, anna):
    assert "Paid, but no key?" not in tap("help").text
    payment = make_payment(anna)
    screen = tap("help")
    assert f"Your last order: {payment.order_id}" in screen.text
    assert f"order:{payment.order_id}" in actions(screen)


def test_a_banned_customer_buys_nothing(shop, anna, month):
    User.objects.filter(pk=anna.pk).update(banned_at=clock.now())
    assert "closed" in tap(f"pay:{month.pk}:{shop.pk}").text
    assert not Order.objects.exists()


@hypothesis(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([*ACTIONS]), argument=st.text(max_size=55) | st.from_regex(r"\d{1,30}(:\d{1,30})?")
)
def test_no_forged_button_breaks_anything(shop, name, argument):
    tap(f"{name}:{argument}")
    assert not Update.objects.exclude(state=Update.State.DECIDED).exists()
