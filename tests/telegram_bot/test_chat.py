"""The bot as a customer meets it, over HTTP."""

from accounts.models import User
from telegram_bot.models import Update
from tests.shop import buttons, wait_for, wait_for_answer

ANNA = 5_001



def test_start_greets_a_newcomer_with_a_trial(bot, telegram):
    telegram.say(ANNA, "/start", first_name="Anna")
    answer = wait_for_answer(telegram, ANNA, "Hello, Anna!")
    assert "🎁 Try for free" in buttons(answer)


def test_language_follows_telegram_until_chosen(bot, telegram):
    telegram.say(ANNA, "/start", first_name="Анна", language_code="ru")
    wait_for_answer(telegram, ANNA, "Анна")
    telegram.press(ANNA, "🌐 Русский / English")
    wait_for_answer(telegram, ANNA, "Choose your language")
    telegram.press(ANNA, "English")
    wait_for_answer(telegram, ANNA, "Hello, Анна!")
    telegram.say(ANNA, "/start", language_code="ru")
    wait_for_answer(telegram, ANNA, "Hello")


def test_trial_gives_a_pending_key(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    pressed = telegram.press(ANNA, "🎁 Try for free")
    wait_for_answer(telegram, ANNA, "being activated")
    assert wait_for(lambda: telegram.emu("GET", f"callbacks/{pressed['callback_query_id']}")["answered"])
    assert User.objects.get(telegram_id=ANNA).subscriptions.count() == 1
    wait_for(lambda: not Update.objects.exclude(state="answered").exists())
