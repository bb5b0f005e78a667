"""The customer chooses where their servers stand, by buttons that anybody could forge."""

import pytest

from telegram_bot import screens
from telegram_bot.handlers import ACTIONS
from telegram_bot.screens import Shown
from tests.factories import make_panel, make_subscription
from vpnpanel import reconciler
from vpnpanel.models import Access, Panel


@pytest.fixture
def customer(installation, marzban, second_marzban):
    make_panel(marzban, location="Amsterdam <1>")
    make_panel(second_marzban, name="de-1", location="Frankfurt")
    subscription = make_subscription()
    reconciler.reconcile_one(subscription.access_id)
    return subscription.user


def press(customer, argument: str) -> tuple[Shown, str, list[str]]:
    shown = ACTIONS["location"](customer, argument)
    rendered = screens.render(customer, shown)
    return shown, rendered.text, [button.label for row in rendered.buttons for button in row]


def test_location_is_chosen_and_shown(customer):
    _, text, labels = press(customer, "")
    assert labels[:3] == ["Amsterdam <1>", "Frankfurt", "✅ Any"] and "stays the same" in text
    frankfurt = Panel.objects.get(name="de-1").pk
    shown, text, labels = press(customer, str(frankfurt))
    assert shown == Shown("location", "chosen") and "<b>Frankfurt</b>" in text and "✅ Frankfurt" in labels
    shown, text, _ = press(customer, str(Panel.objects.get(name="nl-1").pk))
    assert shown == Shown("location", "soon") and "again after" in text
    assert Access.objects.get().location == "Frankfurt"


@pytest.mark.parametrize("forged", ["99999", "-1", "Frankfurt", "1:2"])
def test_forged_location_is_refused(customer, forged):
    shown, text, _ = press(customer, forged)
    assert shown == Shown("location", "gone") and "no room" in text
    assert not Access.objects.get().location


def test_profile_offers_locations_only_where_there_is_a_choice(customer):
    def labels() -> list[str]:
        return [button.label for row in screens.render(customer, Shown("profile")).buttons for button in row]

    assert "🌍 Location" in labels()
    Panel.objects.filter(name="de-1").update(state=Panel.State.CLOSED)
    assert "🌍 Location" not in labels()
