"""Devices: who gets a place, who is told why not, and how places become free."""

import base64
from datetime import timedelta

import pytest
from django.utils.translation import override

from core import clock, retention
from core.models import RetentionRule
from subscriptions import services
from subscriptions.errors import NoSuchDevice, TooManyRemovals
from subscriptions.models import Device, Plan, Subscription
from subscriptions.services import sightings
from subscriptions.services.terms import terms_of
from telegram_bot import handlers, screens
from telegram_bot.screens import Shown
from tests.factories import KEY, let_pass, make_customer, make_subscription, serve
from tests.racing import at_once
from tests.subscriptions.test_feed import links, names
from vpnpanel.models import Access

PHONE = {
    "x-hwid": "phone-0001",
    "x-device-os": "iOS",
    "x-ver-os": "18.3",
    "x-device-model": "iPhone 14 Pro",
    "user-agent": "Happ/3.2.1",
}
LAPTOP = {"x-hwid": "laptop-002", "user-agent": "v2RayTun/2.1"}


def limited(mode: str = "soft", devices: int = 1) -> Subscription:
    subscription = make_subscription(devices=devices)
    Subscription.objects.filter(pk=subscription.pk).update(device_mode=mode)
    subscription.refresh_from_db()
    serve(subscription)
    return subscription


@pytest.fixture
def fetch(client):
    return lambda subscription, headers: client.get(f"/s/{subscription.token}", headers=headers)


def is_served(response) -> bool:
    return links(response) == [KEY]


def told(response) -> str:
    return base64.b64decode(response["announce"].removeprefix("base64:")).decode()


def test_a_new_device_takes_a_place_and_keeps_it(db, fetch):
    subscription = limited()
    assert is_served(fetch(subscription, PHONE)) and is_served(fetch(subscription, PHONE))
    device = Device.objects.get()
    assert (device.name, device.system, device.app) == ("iPhone 14 Pro", "iOS 18.3", "Happ/3.2.1")
    assert PHONE["x-hwid"] not in device.hwid_hash and len(device.hwid_hash) == 64


def test_a_device_is_called_what_its_owner_calls_it(db, fetch):
    """Apps write such a name in UTF-8, and a server hands on each byte of it as a letter."""
    fetch(limited(), {**PHONE, "x-device-model": "Айфон Маши".encode().decode("latin-1")})
    assert Device.objects.get().name == "Айфон Маши"


def test_a_device_was_not_in_the_bot_as_a_customer_is():
    with override("ru"):
        assert str(Device._meta.get_field("last_seen_at").verbose_name) == "последний раз замечено"


@pytest.mark.parametrize("mode", ["soft", "strict"])
def test_a_device_too_many_is_told_so_and_the_others_pass(db, fetch, mode):
    subscription = limited(mode)
    fetch(subscription, PHONE)
    refused = fetch(subscription, LAPTOP)
    assert (refused.status_code, names(refused)) == (200, ["Too many devices", "Remove one in the bot"])
    said = [refused[f"x-hwid-{name}"] for name in ("active", "limit", "max-devices-reached")]
    assert said == ["true"] * 3
    assert told(refused) == "Too many devices. Remove one in the bot"
    passed = fetch(subscription, PHONE)
    assert is_served(passed) and passed["x-hwid-active"] == "true" and "x-hwid-limit" not in passed
    assert Device.objects.count() == 1


@pytest.mark.parametrize(("mode", "passes"), [("off", True), ("soft", True), ("strict", False)])
def test_apps_that_tell_nothing_pass_unless_the_plan_is_strict(db, fetch, mode, passes):
    response = fetch(limited(mode), {"user-agent": "v2rayNG/1.9"})
    assert is_served(response) == passes
    assert ("x-hwid-not-supported" in response) == (not passes)
    assert ("x-hwid-active" in response) == (mode != "off")
    if not passes:
        assert names(response) == ["This app is not supported", "Choose another in the bot"]


@pytest.mark.parametrize(
    "hwid", ["short", "x" * 65, "with space", "ключ-123456", "a\tb-1234", "", "'; drop--"]
)
def test_garbage_is_no_id(db, fetch, hwid):
    subscription = limited("strict")
    response = fetch(subscription, {"x-hwid": hwid.encode().decode("latin-1")})
    assert not is_served(response) and not Device.objects.exists()


@pytest.mark.parametrize("hwid", ["abcdef", "A" * 64, "{0F1E-22}", "MTIzNDU2Nzg5MA==", " padded-id "])
def test_ids_of_all_apps_are_taken(db, fetch, hwid):
    assert is_served(fetch(limited("strict"), {"x-hwid": hwid}))


def test_what_an_app_says_is_cut_and_cleaned(db, fetch):
    said = {**PHONE, "x-device-model": "M" * 500, "x-device-os": "i\x1bO\x07S\x85 x", "user-agent": "\x00"}
    fetch(limited(), said)
    device = Device.objects.get()
    assert (device.model, device.platform, device.app) == ("M" * 128, "i O S x", "")


def test_devices_of_others_take_no_place(db, fetch):
    one, other = limited(), limited()
    assert is_served(fetch(one, PHONE)) and is_served(fetch(other, PHONE))
    assert Device.objects.count() == 2


def test_where_any_number_may_connect_rows_stay_few(db, fetch):
    services.change_rules(actor="olga", fetches_per_minute=1000)
    subscription = limited(devices=0)
    for number in range(55):
        assert is_served(fetch(subscription, {"x-hwid": f"device-{number:04}"}))
    assert Device.objects.count() == 50


def test_no_place_is_given_where_nothing_is_served(db, fetch):
    subscription = limited()
    let_pass(subscription, days=9)
    assert names(fetch(subscription, PHONE))[0] == "Subscription has ended"
    assert not Device.objects.exists()


def test_pages_are_for_every_browser(db, fetch):
    subscription = limited("strict")
    assert fetch(subscription, {"accept": "text/html"}).status_code == 200
    assert not Device.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hurry", range(3))
def test_two_new_devices_at_once_never_share_the_last_place(client, hurry):
    subscription = limited("strict", devices=2)

    def ask(number: int):
        return lambda: is_served(
            type(client)().get(f"/s/{subscription.token}", headers={"x-hwid": f"racer-{number}"})
        )

    results = at_once(*[ask(number) for number in range(5)])
    assert sorted(results) == [False, False, False, True, True]
    assert Device.objects.count() == 2


def test_a_known_device_costs_one_query_and_writes_nothing(db, fetch, django_assert_num_queries):
    subscription = limited(devices=3)
    for headers in (PHONE, LAPTOP):
        fetch(subscription, headers)
    Device.objects.update(last_seen_at=clock.now() - timedelta(hours=5))
    with django_assert_num_queries(3) as queries:
        assert is_served(fetch(subscription, PHONE))
    assert all(query["sql"].startswith("SELECT") for query in queries)


def test_a_refused_device_takes_no_lock(db, fetch, django_assert_num_queries):
    subscription = limited()
    fetch(subscription, PHONE)
    with django_assert_num_queries(4) as queries:
        fetch(subscription, LAPTOP)
    assert all(query["sql"].startswith("SELECT") for query in queries)


def test_what_was_seen_is_written_together_and_later(db, fetch, queued, django_assert_num_queries):
    hand_over(queued)
    held = [limited() for _number in range(3)]
    for subscription in held:
        fetch(subscription, PHONE)
    long_ago = clock.now() - timedelta(hours=2)
    Device.objects.update(last_seen_at=long_ago)
    Subscription.objects.update(last_fetched_at=long_ago)
    for subscription in held:
        fetch(subscription, {**PHONE, "user-agent": "Happ/4.0"})
    assert not Device.objects.exclude(last_seen_at=long_ago).exists()
    assert queued("default") == []
    ((task, (apps, devices)),) = hand_over(queued)
    assert task == "subscriptions.tasks.note_seen" and len(apps) == len(devices) == 3
    with django_assert_num_queries(2):
        assert services.write_seen(apps, devices) == 6
    assert set(Device.objects.values_list("app", flat=True)) == {"Happ/4.0"}
    assert not Device.objects.filter(last_seen_at=long_ago).exists()
    assert not Subscription.objects.filter(last_fetched_at=long_ago).exists()
    for subscription in held:
        fetch(subscription, PHONE)
    assert hand_over(queued) == [], "once an hour is enough"


def hand_over(queued) -> list:
    """Give the worker what this process saw, and return what reached it."""
    sightings.gathering.hand_over()
    return queued("default")


def test_sightings_of_what_is_gone_meanwhile_do_no_harm(db):
    assert services.write_seen([[10**6, "Happ"]], [[10**6, ["", "", "", ""]]]) == 0


def test_places_of_devices_long_unseen_are_given_to_others(db, fetch):
    subscription = limited()
    fetch(subscription, PHONE)
    Device.objects.update(last_seen_at=clock.now() - timedelta(days=29))
    assert not is_served(fetch(subscription, LAPTOP))
    Device.objects.update(last_seen_at=clock.now() - timedelta(days=31))
    assert is_served(fetch(subscription, LAPTOP))
    assert not is_served(fetch(subscription, PHONE))


def test_devices_long_unseen_go(db, fetch):
    subscription = limited(devices=2)
    for headers in (PHONE, LAPTOP):
        fetch(subscription, headers)
    Device.objects.filter(app="Happ/3.2.1").update(last_seen_at=clock.now() - timedelta(days=8))
    RetentionRule.objects.filter(key="devices not seen").update(days=7)
    retention.sweep_all()
    assert Device.objects.get().app == "v2RayTun/2.1"


def test_customers_remove_their_own_devices_five_times_a_day(db, fetch):
    subscription = limited()
    for _number in range(5):
        fetch(subscription, PHONE)
        services.remove_device(Device.objects.get().pk, customer_id=subscription.user_id, actor="customer")
    fetch(subscription, PHONE)
    device = Device.objects.get()
    with pytest.raises(TooManyRemovals):
        services.remove_device(device.pk, customer_id=subscription.user_id, actor="customer")
    with pytest.raises(NoSuchDevice):
        services.remove_device(device.pk, customer_id=make_customer().pk, actor="customer")
    services.remove_device(device.pk, actor="olga")
    with pytest.raises(NoSuchDevice):
        services.remove_device(device.pk, actor="olga")
    events = subscription.user.events.filter(action__startswith="device")
    actions = list(events.values_list("action", flat=True))
    assert (actions.count("device.added"), actions.count("device.removed")) == (6, 6)


def test_staff_free_all_places(db, fetch):
    subscription = limited(devices=2)
    for headers in (PHONE, LAPTOP):
        fetch(subscription, headers)
    assert services.forget_devices(subscription.pk, actor="olga") == 2
    assert services.forget_devices(subscription.pk, actor="olga") == 0


def buttons_on(customer, name: str, argument: str = "") -> list[str]:
    rows = screens.render(customer, Shown(name, argument)).buttons
    return [button.action for row in rows for button in row]


def test_customers_see_and_remove_their_devices_in_the_bot(db, fetch):
    subscription = limited(devices=2)
    customer = subscription.user
    for headers in ({**PHONE, "x-device-model": "<b>Phone"}, LAPTOP):
        fetch(subscription, headers)
    phone, laptop = Device.objects.order_by("pk")
    shown = screens.render(customer, Shown("devices"))
    assert (
        "Places taken: 2 of 2" in shown.text
        and "&lt;b&gt;Phone" in shown.text
        and "<b>Phone" not in shown.text
    )
    assert {f"device:{phone.pk}", f"device:{laptop.pk}"} <= set(buttons_on(customer, "devices"))
    assert f"undevice:{phone.pk}" in buttons_on(customer, "device", str(phone.pk))
    other = limited().user
    assert "undevice" not in "".join(buttons_on(other, "device", str(phone.pk)))
    assert handlers.remove_device(other, str(phone.pk)) == Shown("devices")
    assert handlers.remove_device(customer, str(phone.pk)) == Shown("devices", "removed")
    assert handlers.remove_device(customer, str(phone.pk)) == Shown("devices")
    assert list(Device.objects.all()) == [laptop]
    services.change_rules(actor="olga", device_removals=1)
    assert handlers.remove_device(customer, str(laptop.pk)) == Shown("devices", "often")
    assert "Try again tomorrow" in screens.render(customer, Shown("devices", "often")).text
    assert buttons_on(customer, "devices") == ["connect", "menu"]
    assert "devices" in buttons_on(customer, "profile") and "devices" not in buttons_on(
        make_customer(), "profile"
    )


@pytest.mark.parametrize("count", [1, 10])
def test_the_screen_costs_the_same_with_many_devices(db, fetch, count, django_assert_num_queries):
    subscription = limited(devices=count)
    for number in range(count):
        fetch(subscription, {"x-hwid": f"device-{number:04}"})
    with django_assert_num_queries(6):
        screens.render(subscription.user, Shown("devices"))


def test_places_are_counted_beyond_those_that_are_shown(db, fetch):
    subscription = limited(devices=30)
    for number in range(23):
        fetch(subscription, {"x-hwid": f"device-{number:04}"})
    assert "Places taken: 23 of 30" in screens.render(subscription.user, Shown("devices")).text


@pytest.mark.parametrize(("mode", "enforced"), [("off", False), ("soft", False), ("strict", True)])
def test_panels_are_told_to_count_where_the_plan_is_strict(db, mode, enforced):
    Plan.objects.update(device_mode=mode, devices=2)
    subscription = make_subscription()
    assert Access.objects.get().enforces_devices == enforced
    Plan.objects.update(device_mode="strict" if mode == "off" else "off")
    terms = terms_of(Plan.objects.get(code="month"))
    services.renew(subscription.pk, terms=terms, source="order:1", actor="x")
    assert Access.objects.get().enforces_devices == (mode == "off")
