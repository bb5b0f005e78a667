"""Replacing the link in the bot: asked, done once, and only for one's own."""

import re

import pytest

from notifications.kinds import Rendered
from subscriptions.models import Subscription
from telegram_bot import services
from telegram_bot.intents import callback_data
from tests.factories import let_pass, make_customer, make_subscription, serve
from tests.telegram_bot.test_inbox import store
from tests.telegram_bot.test_intents import ANNA, press

pytestmark = pytest.mark.django_db
numbers = iter(range(1, 10**9))


def tap(action: str) -> Rendered:
    return services.decide(store(press(callback_data(action)), next(numbers)))


def actions(screen: Rendered) -> list[str]:
    return [button.action for row in screen.buttons for button in row if button.action]


@pytest.fixture
def subscription():
    subscription = make_subscription(make_customer(telegram_id=ANNA["id"]))
    serve(subscription)
    return subscription


def link_in(screen: Rendered) -> str:
    return re.search(r"<code>(.+)</code>", screen.text)[1]


def test_the_key_leads_to_the_question_and_that_to_the_new_link(subscription):
    assert "relink" in actions(tap("key"))
    assert actions(tap("relink")) == [f"replace:{subscription.pk}", "key", "menu"]
    assert Subscription.objects.get().token == subscription.token, "a question changes nothing"
    done = tap(f"replace:{subscription.pk}")
    assert link_in(done) == Subscription.objects.get().link != subscription.link
    assert done.photo


def test_pressing_again_changes_nothing_and_says_when(subscription):
    tap(f"replace:{subscription.pk}")
    token = Subscription.objects.get().token
    assert "10 minutes" in tap(f"replace:{subscription.pk}").text
    assert Subscription.objects.get().token == token


def test_a_forged_button_shows_ones_own_key(subscription):
    theirs = make_subscription()
    assert link_in(tap(f"replace:{theirs.pk}")) == subscription.link
    assert Subscription.objects.get(pk=theirs.pk).token == theirs.token
    for argument in ("0", "x", "", "9" * 18):
        assert link_in(tap(f"replace:{argument}")) == subscription.link


def test_who_holds_nothing_that_works_sees_why_instead(subscription):
    let_pass(subscription, days=30)
    assert "has ended" in tap("relink").text
