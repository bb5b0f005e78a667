"""The main job's first story, from /start to a key the panel really serves, and what may come between."""

import base64
from datetime import timedelta
from urllib.parse import urlsplit

from django.test import Client

from accounts.models import User
from core import clock
from notifications.models import OutboxMessage
from subscriptions import services as subscriptions
from subscriptions.models import Grant, Subscription
from telegram_bot.models import Update
from tests.shop import RunningBot, buttons, wait_for, wait_for_answer
from vpnpanel.models import Access, Panel, PanelAccount

ANNA = 5_001


def take_trial(shop) -> None:
    shop.telegram.say(ANNA, "/start")
    wait_for_answer(shop.telegram, ANNA, "Hello")
    shop.telegram.press(ANNA, "🎁 Try for free")


def key_message(shop):
    return wait_for(
        lambda: next(
            (each for each in shop.telegram.answers(ANNA) if "is ready" in each.get("caption", "")), None
        ),
        30,
    )


def links_behind(subscription: Subscription) -> list[str]:
    body = Client().get(subscription.link.removeprefix("http://localhost:8000")).content
    return base64.b64decode(body).decode().split()


def only_account(shop) -> dict:
    users = list(shop.panel.users().values())
    assert len(users) == 1, users
    return users[0]


def test_a_trial_becomes_a_key_the_panel_serves(shop):
    take_trial(shop)
    message = key_message(shop)
    subscription = Subscription.objects.get()
    assert message["photo"] and subscription.link in message["caption"]
    assert "📋 Copy the link" in buttons(message)
    account = only_account(shop)
    assert account["can_connect"] and account["expire"] == int(subscription.expires_at.timestamp())
    assert {link.split("@")[0] for link in links_behind(subscription)} == {
        link.split("@")[0] for link in account["links"]
    }


def test_the_key_is_told_once_and_shown_again_on_request(shop):
    take_trial(shop)
    key_message(shop)
    shop.telegram.press(ANNA, "☰ Menu")
    wait_for_answer(shop.telegram, ANNA, "Your VPN works")
    shop.telegram.press(ANNA, "🔑 My key")
    wait_for_answer(shop.telegram, ANNA, "Your key")
    assert OutboxMessage.objects.filter(kind="access_ready", state="sent").count() == 1


def test_panel_down_for_an_hour_and_back(shop):
    shop.panel.outage(True)
    take_trial(shop)
    wait_for_answer(shop.telegram, ANNA, "being activated")
    wait_for(lambda: not Panel.objects.get().is_up)
    Access.objects.update(changed_at=clock.now() - timedelta(hours=1))
    shop.telegram.press(ANNA, "🔄 Look again")
    wait_for(lambda: Update.objects.filter(state="answered").count() == 3)
    shop.panel.outage(False)
    key_message(shop)
    assert only_account(shop)["can_connect"]


def test_the_answer_is_lost_after_the_account_was_made(shop):
    shop.panel.fail("POST /api/user", "lost", times=1)
    take_trial(shop)
    key_message(shop)
    assert only_account(shop)["can_connect"]
    assert shop.panel.fired()["lost"] == 1
    assert PanelAccount.objects.count() == 1


def test_the_end_comes_on_time(shop):
    take_trial(shop)
    key_message(shop)
    Subscription.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    wait_for_answer(shop.telegram, ANNA, "has ended")
    wait_for(lambda: not only_account(shop)["can_connect"])
    assert "127.0.0.1" in links_behind(Subscription.objects.get())[0], "the app says why"


def test_a_ban_cuts_off_and_lifting_it_gives_back_the_rest(shop):
    take_trial(shop)
    key_message(shop)
    ends = Subscription.objects.get().expires_at
    customer = User.objects.get(telegram_id=ANNA)
    subscriptions.ban_customer(customer.pk, reason="abuse", actor="olga")
    wait_for(lambda: not only_account(shop)["can_connect"])
    shop.telegram.say(ANNA, "/start")
    wait_for_answer(shop.telegram, ANNA, "Your access is closed")
    subscriptions.unban_customer(customer.pk, actor="olga")
    wait_for(lambda: only_account(shop)["can_connect"])
    assert Subscription.objects.get().expires_at == ends


def test_two_phones_press_at_once(shop):
    shop.telegram.say(ANNA, "/start")
    menu = wait_for_answer(shop.telegram, ANNA, "Hello")
    for phone in ("one", "two", "one"):
        shop.telegram.press_as_shown(ANNA, menu, "🎁 Try for free", phone=phone)
    key_message(shop)
    wait_for(lambda: Update.objects.filter(state="answered").count() == 4)
    assert (Subscription.objects.count(), Grant.objects.count(), len(shop.panel.users())) == (1, 1, 1)


def test_every_update_replayed_changes_nothing(shop):
    take_trial(shop)
    key_message(shop)
    wait_for(lambda: not Update.objects.exclude(state="answered").exists())
    shop.bot.stop()
    before = (Grant.objects.count(), Subscription.objects.get().expires_at, only_account(shop)["expire"])
    Update.objects.update(state="decided")
    with RunningBot():
        wait_for(lambda: not Update.objects.exclude(state="answered").exists())
    assert (
        Grant.objects.count(),
        Subscription.objects.get().expires_at,
        only_account(shop)["expire"],
    ) == before
    assert OutboxMessage.objects.filter(kind="access_ready").count() == 1


def test_the_panel_loses_the_account_and_gets_it_back(shop):
    take_trial(shop)
    key_message(shop)
    name = PanelAccount.objects.get().name
    shop.panel.emu("POST", "lose", username=name)
    from vpnpanel.tasks import sync_panels

    sync_panels()
    wait_for(lambda: shop.panel.users().get(name, {}).get("can_connect"))


def test_foreign_accounts_stay_as_they_are(shop):
    shop.panel.emu("POST", "users", username="of_another_shop")
    before = kept(shop.panel.users()["of_another_shop"])
    take_trial(shop)
    key_message(shop)
    assert kept(shop.panel.users()["of_another_shop"]) == before


def kept(account: dict) -> dict:
    """What in an account stays by itself: a panel draws addresses and tokens anew for each answer."""
    return {name: value for name, value in account.items() if name not in ("links", "subscription_url")}


def test_the_link_of_the_panel_is_never_shown(shop):
    take_trial(shop)
    key_message(shop)
    assert all(shop.panel.address not in str(message) for message in shop.telegram.chat(ANNA))
    assert urlsplit(Subscription.objects.get().link).path.startswith("/s/")
