"""The main job's second story: from a plan to a longer key, whichever way the news of the money comes."""

from datetime import timedelta

import requests

from billing import services as billing
from billing.models import Notice, Order, Payment, Price
from core import clock
from notifications.models import OutboxMessage
from subscriptions.models import Grant, Subscription
from telegram_bot import services
from telegram_bot.models import Update
from tests.factories import make_customer, make_panel
from tests.shop import RunningBot, RunningWorker, buttons, wait_for, wait_for_answer
from tests.stories.conftest import ANNA
from vpnpanel.models import Panel

BORIS = 5_002


def all_answered() -> bool:
    return not Update.objects.exclude(state="answered").exists()


def test_from_start_over_a_trial_to_a_longer_key(till, worker, live_server, marzban):
    make_panel(marzban)
    till.payments.set_webhook(f"{live_server.url}/webhooks/yookassa")
    till.telegram.say(ANNA, "/start")
    till.sees("Hello")
    till.press("🎁 Try for free", then="is ready")
    trial_ends = Subscription.objects.get().expires_at
    till.telegram.say(ANNA, "/buy")
    till.sees("Plans")
    till.press("Renew: 30 days", then="please read and accept")
    till.press("✅ I accept the offer", then="processing of personal data")
    till.press("✅ I agree", then="Choose how to pay")
    till.press("💳 Pay", then="Waiting for your payment")
    till.payments.pay(till.link().rpartition("/")[2])
    till.sees("Payment received, thank you!")
    assert Subscription.objects.get().expires_at == trial_ends + timedelta(days=30)
    wait_for(lambda: only_end(marzban) == int(Subscription.objects.get().expires_at.timestamp()))
    assert Notice.objects.get().state == Notice.State.DONE


def only_end(panel) -> int:
    (account,) = panel.users().values()
    return account["expire"]


def test_the_check_button_finds_the_money_when_every_notice_is_lost(till):
    till.go_to_pay()
    till.payments.pay(notify=False)
    Payment.objects.update(checked_at=None)
    answer = till.press("🔄 Check payment", then="Paid")
    assert "🔑 My key" in buttons(answer)
    assert Order.objects.get().state == Order.State.FULFILLED


def test_coming_back_from_the_page_finds_the_money_too(till):
    till.go_to_pay()
    till.payments.pay(notify=False)
    till.telegram.say(ANNA, f"/start order_{Order.objects.get().pk}")
    till.sees("Paid")


def test_paid_while_the_panel_is_down_is_said_as_it_is(till, marzban):
    marzban.outage(True)
    make_panel(marzban)
    till.go_to_pay()
    till.payments.pay(notify=False)
    till.press("🔄 Check payment", then="Your key is being made")
    with RunningWorker():
        wait_for(lambda: not Panel.objects.get().is_up)
        marzban.outage(False)
        till.sees("is ready")


def test_a_declined_payment_says_why_and_the_next_try_pays(till):
    till.go_to_pay()
    till.payments.decline(reason="insufficient_funds", notify=False)
    answer = till.press("🔄 Check payment", then="did not go through")
    reason = billing.explain("yookassa", "insufficient_funds").text
    assert reason in answer["text"]
    till.press("💳 Pay anew", then="Waiting for your payment")
    till.payments.pay(notify=False)
    Payment.objects.update(checked_at=None)
    till.press("🔄 Check payment", then="Paid")
    assert (Order.objects.count(), Payment.objects.count()) == (1, 2)


def test_a_provider_that_hangs_holds_up_nobody_else(till):
    till.go_to_checkout()
    till.payments.fail("POST /v3/payments", "hang", seconds=9, times=1)
    till.tap("💳 Pay")
    wait_for(lambda: till.payments.fired().get("hang"))
    till.telegram.say(BORIS, "/start", first_name="Boris")
    wait_for_answer(till.telegram, BORIS, "Hello, Boris!")
    assert Payment.objects.get().state == Payment.State.SENDING
    till.sees("Your link is being prepared")


def test_a_provider_that_is_down_is_said_as_it_is_and_the_link_follows(till):
    till.payments.outage(True)
    till.go_to_checkout()
    till.press("💳 Pay", then="Your link is being prepared")
    till.payments.outage(False)
    Payment.objects.update(next_try_at=clock.now())
    with RunningWorker():
        till.sees("Your payment link is ready")
    assert len(till.payments.books()["payments"]) == 1
    assert requests.get(till.link(), timeout=10).ok


def test_two_phones_that_pay_at_once_get_one_payment(till):
    checkout = till.go_to_checkout()
    pay = next(each for each in buttons(checkout) if each.startswith("💳"))
    for phone in ("one", "two"):
        till.telegram.press_as_shown(ANNA, checkout, pay, phone=phone)
    till.sees("Waiting for your payment")
    wait_for(all_answered)
    assert (Order.objects.count(), len(till.payments.books()["payments"])) == (1, 1)


def test_every_press_replayed_buys_nothing_more(till):
    till.go_to_pay()
    till.payments.pay(notify=False)
    till.press("🔄 Check payment", then="Paid")
    wait_for(all_answered)
    till.bot.stop()
    Update.objects.update(state="decided")
    with RunningBot():
        wait_for(all_answered)
    assert (Order.objects.count(), Payment.objects.count(), Grant.objects.count()) == (1, 1, 1)
    assert OutboxMessage.objects.filter(kind="order_fulfilled").count() == 1


def test_a_bot_that_dies_after_the_press_still_brings_the_link(till, worker):
    checkout = till.go_to_checkout()
    pay = next(each for each in buttons(checkout) if each.startswith("💳"))
    wait_for(all_answered)
    till.bot.stop()
    till.telegram.press_as_shown(ANNA, checkout, pay, phone="one")
    services.decide(services.store_updates(till.telegram.waiting())[0])
    Payment.objects.update(next_try_at=clock.now())
    wait_for(lambda: Payment.objects.get().confirmation_url)
    with RunningBot():
        till.sees("Your payment link is ready")
        wait_for(all_answered)
    assert (Order.objects.count(), len(till.payments.books()["payments"])) == (1, 1)


def test_an_offer_of_another_price_is_shown_before_it_is_paid(till):
    till.go_to_pay()
    till.payments.decline(reason="general_decline", notify=False)
    till.press("🔄 Check payment", then="did not go through")
    Price.objects.filter(plan=till.plan()).update(amount=349)
    assert "349" in till.press("💳 Pay anew", then="Choose how to pay")["text"]
    assert Payment.objects.count() == 1


def test_money_for_a_friend_is_not_shown_to_others(till):
    till.go_to_pay()
    make_customer(telegram_id=BORIS)
    till.telegram.say(BORIS, f"/start order_{Order.objects.get().pk}")
    wait_for_answer(till.telegram, BORIS, "Hello")
