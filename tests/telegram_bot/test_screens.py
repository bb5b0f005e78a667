"""Every screen in both languages: complete, escaped, and within Telegram's limits."""

import dataclasses
import re
from datetime import timedelta

import pytest
from django.utils import translation

from core import clock
from subscriptions.models import ClientApp, Platform
from subscriptions.status import CustomerStatus, State
from telegram_bot import screens
from telegram_bot.screens import SCREENS, Shown, key, menu, order, trial
from telegram_bot.screens.order import Stage
from tests.factories import make_customer, make_subscription, serve
from vpnpanel.models import Panel

CYRILLIC = re.compile(r"[а-яё]", re.I)
PLATFORMS = [platform.value for platform in Platform]
ARGUMENTS = {"connect": ["", *PLATFORMS, "ios:v2raytun", "ios:of-an-old-catalogue"], "menu": ["", "unknown"]}
EVERY = [(name, argument) for name in SCREENS for argument in ARGUMENTS.get(name, [""])]


def status(state: State) -> CustomerStatus:
    return CustomerStatus(
        state=state,
        has_trial_left=state is State.NONE,
        subscription_id=None if state is State.NONE else 1,
        plan_name="Plan <1>",
        expires_at=clock.now() + timedelta(days=3),
        time_left=timedelta(days=3),
        link="https://shop.example.org/s/secret-token-of-the-customer",
        is_ready=state is State.ACTIVE,
        period_used=5 * 2**30,
        period_limit=10 * 2**30,
    )


def an_order(stage: Stage) -> order.Values:
    return order.Values(
        order_id=7,
        plan_id=1,
        stage=stage,
        plan_name="Plan <1>",
        price="299 ₽",
        payment_id=9,
        link="https://pay.example.org/7",
        link_until=clock.now(),
        reason="The bank said <no>.",
        status=status(State.PENDING) if stage is Stage.GIVEN else None,
    )


def assert_fits(rendered) -> None:
    limit = 1024 if rendered.photo else 4096
    assert 0 < len(re.sub(r"<[^>]+>", "", rendered.text)) <= limit
    for button in (button for row in rendered.buttons for button in row):
        assert button.label and sum(map(bool, (button.action, button.copy, button.url))) == 1
        assert len(button.copy) <= 256


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("name", "argument"), EVERY)
def test_screens_of_a_newcomer(db, name, argument, language):
    customer = make_customer(language=language, first_name="<i>Eve</i> & co")
    rendered = screens.render(customer, Shown(name, argument))
    assert_fits(rendered)
    assert "<i>" not in rendered.text
    assert bool(CYRILLIC.search(rendered.text)) == (language == "ru" or name == "language")


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("screen", [key, trial])
def test_key_in_every_state(screen, state, language):
    with translation.override(language):
        rendered = screen.render(status(state))
    assert_fits(rendered)
    assert ("secret-token" in rendered.text) == (state is State.ACTIVE)
    assert bool(CYRILLIC.search(rendered.text)) == (language == "ru")


@pytest.mark.parametrize("stage", list(Stage))
def test_an_order_says_in_other_words_how_far_it_is(stage):
    rendered = order.render(an_order(stage))
    assert_fits(rendered)
    assert "<1>" not in rendered.text and "<no>" not in rendered.text
    headings = [order.render(an_order(other)).text.split("\n\n") for other in Stage if other is not stage]
    assert rendered.text.split("\n\n") not in headings


@pytest.mark.parametrize("stage", list(Stage))
def test_an_unpaid_order_always_leads_on(stage):
    actions = {button.action.split(":")[0] for row in order.render(an_order(stage)).buttons for button in row}
    if stage in (Stage.FAILED, Stage.SPENT, Stage.CLOSED):
        assert {"again", "plans", "menu"} <= actions
    if stage in (Stage.PREPARING, Stage.STALLED, Stage.WAITING):
        assert {"check", "close", "menu"} <= actions


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("language", ["en", "ru"])
def test_an_order_speaks_the_customers_language(stage, language):
    with translation.override(language):
        text = order.render(an_order(stage)).text
        assert bool(CYRILLIC.search(text.replace("₽", ""))) == (language == "ru")


@pytest.mark.parametrize("state", list(State))
def test_menu_says_in_other_words_where_a_customer_stands(state):
    found = status(state)
    values = menu.Values("Anna", found.has_trial_left, state, "3 days", is_lost=False)
    texts = {
        menu.render(dataclasses.replace(values, state=other)).text for other in State if other is not state
    }
    assert state in (State.NONE, State.BANNED) or menu.render(values).text not in texts


def buttons_of(rendered) -> list:
    return [button for row in rendered.buttons for button in row]


def test_the_guide_hands_the_link_over_through_our_page(db, settings):
    settings.PUBLIC_BASE_URL = "https://vpn.example.com"
    subscription = make_subscription()
    shown = Shown("connect", "android")
    assert not any("/open/" in button.url for button in buttons_of(screens.render(subscription.user, shown)))
    serve(subscription)
    buttons = buttons_of(screens.render(subscription.user, shown))
    assert f"https://vpn.example.com/open/happ/{subscription.token}" in [button.url for button in buttons]
    assert subscription.link in [button.copy for button in buttons]
    assert [button.label for button in buttons if button.action.startswith("connect:")] == [
        "v2RayTun",
        "Hiddify",
        "v2rayNG",
    ]


def test_telegram_gets_no_button_it_would_refuse(db, settings):
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    subscription = make_subscription()
    serve(subscription)
    buttons = buttons_of(screens.render(subscription.user, Shown("connect", "ios")))
    assert not any("localhost" in button.url for button in buttons) and any(button.copy for button in buttons)


def test_the_guide_shows_what_staff_offer(db):
    ClientApp.objects.filter(code="happ").update(is_enabled=False)
    customer = make_customer()
    assert "v2RayTun" in screens.render(customer, Shown("connect", "ios")).text
    labels = [button.label for button in buttons_of(screens.render(customer, Shown("connect")))]
    assert "🍏 iPhone, iPad" in labels and "📺 Android TV" in labels
    ClientApp.objects.all().delete()
    assert_fits(screens.render(customer, Shown("connect")))


def test_a_banned_customer_sees_why_not_what(db, settings):
    settings.SUPPORT_CONTACT = "@shop_help"
    rendered = screens.render(make_customer(), Shown("banned"))
    assert "@shop_help" in rendered.text and not rendered.buttons


def test_every_button_leads_somewhere(db):
    from telegram_bot.handlers import ACTIONS

    customer = make_customer()
    for name, argument in EVERY:
        for row in screens.render(customer, Shown(name, argument)).buttons:
            assert all(button.action.split(":")[0] in ACTIONS for button in row if button.action)


def test_a_screen_no_longer_known_becomes_the_menu():
    assert screens.unpack({"name": "of-an-old-version"}) == Shown("menu")


def test_the_apology_is_in_the_customers_language():
    assert CYRILLIC.search(screens.render_apology("ru").text)
    assert not CYRILLIC.search(screens.render_apology("en").text)


def test_a_server_that_has_not_answered_for_a_while_is_not_said_to_work(db):
    subscription = make_subscription()
    serve(subscription)
    serve(subscription)
    long_ago = clock.now() - timedelta(minutes=3)
    down, other = Panel.objects.order_by("pk")
    Panel.objects.filter(pk=down.pk).update(is_up=False, up_changed_at=long_ago)
    assert not any("does not answer" in screen for screen in _standing_of(subscription))
    Panel.objects.filter(pk=other.pk).update(is_up=False, up_changed_at=clock.now())
    assert not any("does not answer" in screen for screen in _standing_of(subscription))
    Panel.objects.filter(pk=other.pk).update(up_changed_at=long_ago)
    assert all("does not answer" in screen for screen in _standing_of(subscription))


def _standing_of(subscription) -> list[str]:
    return [screens.render(subscription.user, Shown(name)).text for name in ("menu", "key")]
