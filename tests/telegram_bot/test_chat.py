"""The bot as a customer meets it, over HTTP."""

from accounts.models import User
from referrals.models import Referral
from referrals.services import code_of
from telegram_bot.models import Update
from tests.factories import make_customer, make_subscription, serve
from tests.shop import buttons, wait_for, wait_for_answer

ANNA = 5_001
BORIS = 5_002


def all_answered() -> bool:
    return not Update.objects.exclude(state="answered").exists()


def test_start_greets_a_newcomer_with_a_trial(bot, telegram):
    telegram.say(ANNA, "/start", first_name="Anna <b>")
    answer = wait_for_answer(telegram, ANNA, "Hello, Anna <b>!")
    assert "🎁 Try for free" in buttons(answer)


def test_language_follows_telegram_until_chosen(bot, telegram):
    telegram.say(ANNA, "/start", first_name="Анна", language_code="ru-RU")
    wait_for_answer(telegram, ANNA, "Анна")
    assert User.objects.get(telegram_id=ANNA).language == "ru"
    telegram.press(ANNA, "🌐 Русский / English")
    wait_for_answer(telegram, ANNA, "Choose your language")
    telegram.press(ANNA, "English")
    wait_for_answer(telegram, ANNA, "Hello, Анна!")
    telegram.say(ANNA, "/menu", language_code="ru")
    wait_for_answer(telegram, ANNA, "Hello, Анна!")


def test_trial_gives_a_pending_key_and_every_press_is_answered(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    pressed = telegram.press(ANNA, "🎁 Try for free")
    wait_for_answer(telegram, ANNA, "being activated")
    wait_for(lambda: telegram.emu("GET", f"callbacks/{pressed['callback_query_id']}")["answered"])
    assert User.objects.get(telegram_id=ANNA).subscriptions.count() == 1
    wait_for(all_answered)


def test_pressing_trial_on_two_phones_gives_one(bot, telegram):
    telegram.say(ANNA, "/start")
    menu = wait_for_answer(telegram, ANNA, "Hello")
    for phone in ("one", "two"):
        telegram.press_as_shown(ANNA, menu, "🎁 Try for free", phone=phone)
    wait_for(lambda: Update.objects.filter(state="answered", kind="callback_query").count() == 2)
    assert User.objects.get(telegram_id=ANNA).subscriptions.count() == 1
    assert "being activated" in telegram.answers(ANNA)[-1]["text"]


def test_screens_change_in_place(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    for press, shown in (
        ("💳 Plans", "299"),
        ("☰ Menu", "Hello"),
        ("👤 My profile", "no subscription"),
        ("☰ Menu", "Hello"),
    ):
        telegram.press(ANNA, press)
        wait_for_answer(telegram, ANNA, shown)
    assert len(telegram.answers(ANNA)) == 1


def test_pressing_twice_for_the_key_shows_it_once(bot, telegram):
    serve(make_subscription(make_customer(telegram_id=ANNA)))
    telegram.say(ANNA, "/menu")
    menu = wait_for_answer(telegram, ANNA, "Your VPN works")
    for phone in ("one", "two"):
        telegram.press_as_shown(ANNA, menu, "🔑 My key", phone=phone)
    wait_for(lambda: Update.objects.filter(state="answered", kind="callback_query").count() == 2)
    (only,) = telegram.answers(ANNA)
    assert "photo" in only


def test_plans_show_price_contents_and_saving(bot, telegram):
    telegram.say(ANNA, "/plans")
    text = wait_for_answer(telegram, ANNA, "365 days")["text"]
    assert "299\u00a0₽" in text and "2,999\u00a0₽" in text and "unlimited traffic" in text
    assert "You save 1\u00a0₽ a day" in text


def test_guide_leads_through_every_platform(bot, telegram):
    telegram.say(ANNA, "/connect")
    wait_for_answer(telegram, ANNA, "What do you want to connect?")
    telegram.press(ANNA, "🤖 Android")
    answer = wait_for_answer(telegram, ANNA, "Install Happ")
    assert "🔑 My key" in buttons(answer), "without a key the guide leads to it"


def test_a_trial_may_be_typed_too(bot, telegram):
    telegram.say(ANNA, "/trial")
    wait_for_answer(telegram, ANNA, "being activated")


def test_unknown_words_lead_to_the_menu(bot, telegram):
    telegram.say(ANNA, "where is my key?!")
    assert "👤 My profile" in buttons(wait_for_answer(telegram, ANNA, "did not understand"))


def test_inviter_is_remembered_on_first_arrival_only(bot, telegram):
    inviter, other = make_customer(), make_customer()
    telegram.say(ANNA, f"/start r_{code_of(inviter)}")
    wait_for_answer(telegram, ANNA, "Hello")
    telegram.say(ANNA, f"/start r_{code_of(other)}")
    wait_for(lambda: Update.objects.filter(state="answered").count() == 2)
    assert Referral.objects.get(invited__telegram_id=ANNA).inviter == inviter
    assert User.objects.get(telegram_id=ANNA).start_payload == f"r_{code_of(inviter)}"


def test_own_invite_link_stands_in_the_profile(bot, telegram, settings):
    settings.TELEGRAM_BOT_USERNAME = "shop_bot"
    telegram.say(ANNA, "/profile")
    text = wait_for_answer(telegram, ANNA, "Your invite link")["text"]
    code = code_of(User.objects.get(telegram_id=ANNA))
    assert f"https://t.me/shop_bot?start=r_{code}" in text


def test_blocking_the_bot_is_noted_and_coming_back_too(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    telegram.emu("POST", "block", user_id=ANNA)
    wait_for(lambda: User.objects.get(telegram_id=ANNA).reach == User.Reach.BLOCKED)
    telegram.emu("POST", "unblock", user_id=ANNA)
    wait_for(lambda: User.objects.get(telegram_id=ANNA).reach == User.Reach.OK)


def test_two_customers_do_not_wait_for_each_other(bot, telegram):
    telegram.fail("sendMessage", "hang", seconds=6, times=1)
    telegram.say(ANNA, "/start")
    wait_for(lambda: telegram.fired().get("hang"))
    telegram.say(BORIS, "/start", first_name="Boris")
    wait_for_answer(telegram, BORIS, "Hello, Boris!")
    assert not telegram.answers(ANNA)


def test_flood_is_worked_off_with_one_screen(bot, telegram):
    telegram.emu("POST", "rates", enabled=True)
    for _ in range(30):
        telegram.say(ANNA, "hey")
    wait_for(lambda: Update.objects.filter(state="answered").count() == 30)
    assert 1 <= len(telegram.answers(ANNA)) < 15


def test_link_is_replaced_after_a_question_and_shown_with_its_code(bot, telegram):
    subscription = make_subscription(make_customer(telegram_id=ANNA))
    serve(subscription)
    telegram.say(ANNA, "/key")
    wait_for_answer(telegram, ANNA, subscription.link)
    telegram.press(ANNA, "♻️ Replace the link")
    assert "every device" in wait_for_answer(telegram, ANNA, "Replace the link?")["text"]
    subscription.refresh_from_db()
    telegram.press(ANNA, "♻️ Yes, replace it")
    answer = wait_for_answer(telegram, ANNA, "Your new link")
    old, new = subscription.link, type(subscription).objects.get().link
    assert "photo" in answer and new in answer["caption"] and old not in answer["caption"]
