"""What goes wrong between Telegram and us, and what the customer still gets."""

import time
import uuid

import pytest
from django.conf import settings

from core.models import Lease, ServiceHealth
from core.services import claim_installation, hold_lease
from telegram_bot.models import Update
from telegram_bot.process import runner
from tests.shop import RunningBot, wait_for, wait_for_answer

ANNA = 5_001


def all_answered() -> bool:
    return Update.objects.exists() and not Update.objects.exclude(state="answered").exists()


@pytest.mark.parametrize("kind", ["refuse", "lost", "error", "html"])
def test_a_failed_send_is_repeated(bot, telegram, kind):
    telegram.fail("sendMessage", kind, times=1)
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    wait_for(all_answered)
    assert len(telegram.answers(ANNA)) == (2 if kind == "lost" else 1)
    assert telegram.fired()[kind] == 1


@pytest.mark.parametrize("kind", ["refuse", "lost", "error", "html"])
def test_a_failed_edit_is_repeated_without_a_second_message(bot, telegram, kind):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    telegram.fail("editMessageText", kind, times=1)
    telegram.press(ANNA, "💳 Plans")
    wait_for_answer(telegram, ANNA, "299")
    wait_for(all_answered)
    assert len(telegram.answers(ANNA)) == 1


def test_too_fast_is_waited_out(bot, telegram):
    telegram.fail("sendMessage", "rate_limit", retry_after=1, times=1)
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    assert len(telegram.calls("sendMessage")) == 2


def test_an_outage_of_telegram_loses_no_tap(bot, telegram):
    telegram.outage(True)
    telegram.say(ANNA, "/start")
    wait_for(lambda: telegram.fired().get("outage", 0) >= 2)
    assert not telegram.answers(ANNA)
    telegram.outage(False)
    wait_for_answer(telegram, ANNA, "Hello")
    wait_for(all_answered)


def test_a_redelivered_update_changes_nothing(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    pressed = telegram.press(ANNA, "🎁 Try for free")
    wait_for_answer(telegram, ANNA, "being activated")
    wait_for(all_answered)
    telegram.emu("POST", "duplicate", update_id=pressed["update_id"])
    telegram.say(ANNA, "/profile")
    wait_for_answer(telegram, ANNA, "Trial")
    assert Update.objects.count() == 3


def test_a_message_deleted_meanwhile_is_sent_anew(bot, telegram):
    telegram.say(ANNA, "/start")
    menu = wait_for_answer(telegram, ANNA, "Hello")
    telegram.fail(
        "editMessageText", "error", status=400, description="Bad Request: message to edit not found", times=1
    )
    telegram.press(ANNA, "💳 Plans")
    answer = wait_for_answer(telegram, ANNA, "299")
    assert answer["message_id"] != menu["message_id"]


def test_a_blocked_customer_is_settled_not_retried(bot, telegram):
    telegram.fail(
        "sendMessage", "error", status=403, description="Forbidden: bot was blocked by the user", times=1
    )
    telegram.say(ANNA, "/start")
    wait_for(all_answered)
    assert len(telegram.calls("sendMessage")) == 1


def test_another_poller_is_named_in_clear_words(bot, telegram):
    description = (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )
    telegram.fail("getUpdates", "error", status=409, description=description, times=3)
    telegram.say(ANNA, "/start")
    trouble = wait_for(lambda: ServiceHealth.objects.filter(name="telegram", is_up=False).first(), seconds=40)
    assert "Another process polls Telegram" in trouble.error
    wait_for(lambda: ServiceHealth.objects.get(name="telegram").is_up, seconds=30)


def test_a_trouble_that_becomes_another_is_said_in_the_log(bot, telegram, caplog):
    telegram.fail("getUpdates", "error", status=500, description="Internal", times=1)
    telegram.fail("getUpdates", "error", status=409, description="Conflict: other getUpdates", times=1)
    telegram.say(ANNA, "/start")  # ends the call that waits
    wait_for(lambda: "Another process polls Telegram" in caplog.text, seconds=40)
    assert "Telegram does not answer" in caplog.text


def test_a_webhook_that_is_set_is_named_in_clear_words(live_db, telegram):
    claim_installation()
    bot_path = f"/bot{settings.TELEGRAM_BOT_TOKEN}"
    telegram.http.post(
        f"{telegram.address}{bot_path}/setWebhook", json={"url": "https://shop.example.org/hook"}, timeout=5
    )
    with RunningBot():
        trouble = wait_for(lambda: ServiceHealth.objects.filter(name="telegram", is_up=False).first())
    assert "manage.py telegram polling" in trouble.error


def test_a_wrong_token_ends_the_bot_with_a_sentence(live_db, telegram, settings):
    claim_installation()
    settings.TELEGRAM_BOT_TOKEN = "1000001:some-other-token"
    with RunningBot() as bot:
        bot._thread.join(15)
    assert "@BotFather" in str(bot.error) and "some-other-token" not in str(bot.error)


def test_a_second_bot_stands_by_and_takes_over(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    with RunningBot():
        bot.stop()
        telegram.say(ANNA, "/plans")
        wait_for_answer(telegram, ANNA, "299")


def test_a_bot_that_lost_its_lease_stands_by(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    Lease.objects.all().delete()
    assert hold_lease("bot", holder="another", token=uuid.uuid4(), seconds=60)
    time.sleep(runner.RENEW_SECONDS + 1)
    telegram.say(ANNA, "/plans")
    time.sleep(1)
    assert len(telegram.answers(ANNA)) == 1
    Lease.objects.all().delete()
    wait_for_answer(telegram, ANNA, "299")


def test_a_decided_update_is_answered_after_a_crash(live_db, telegram):
    """What a killed process leaves: the effect is committed, the screen was never sent."""
    from telegram_bot import services

    claim_installation()
    telegram.say(ANNA, "/start")
    bot_path = f"/bot{settings.TELEGRAM_BOT_TOKEN}"
    found = telegram.http.get(f"{telegram.address}{bot_path}/getUpdates", timeout=10).json()["result"]
    services.decide(services.store_updates(found)[0])
    assert Update.objects.get().state == "decided" and not telegram.answers(ANNA)
    with RunningBot():
        wait_for_answer(telegram, ANNA, "Hello")
        wait_for(all_answered)
