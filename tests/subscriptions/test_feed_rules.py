"""Names of servers, what staff turn, how often a link may be fetched, and what is kept of an answer."""

import base64
import json
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from django.core.cache import cache
from django.core.cache.backends import locmem
from django.urls import reverse
from django.utils import translation

from accounts.models import AuditEvent
from subscriptions import services, views
from subscriptions.feeds.signs import reasons, unfit
from subscriptions.status import State
from tests.factories import KEY, let_pass, make_customer, make_staff, make_subscription, serve
from vpnpanel.models import Access, Panel, PanelAccount
from vpnservice.logs import redact

pytestmark = pytest.mark.django_db

TROJAN = "trojan://secret@nl9.example.com:443#panel%20remark"
ENDS = ("v2ray", "mihomo", "clash", "sing-box", "xray")


@pytest.fixture(autouse=True)
def nobody_has_asked_yet():
    cache.clear()
    views.rate.forget()


@pytest.fixture
def subscription():
    return make_subscription()


@pytest.fixture
def fetch(client, subscription):
    return lambda end="", **headers: client.get(f"/s/{subscription.token}/{end}", headers=headers)


def names(response, end="v2ray") -> list[str]:
    """Return what an app lists, by reading the document in the app's way."""
    match end:
        case "v2ray":
            links = base64.b64decode(response.content, validate=True).decode().splitlines()
            return [unquote(urlsplit(link).fragment) for link in links]
        case "xray":
            return [each["remarks"] for each in json.loads(response.content)]
        case "sing-box":
            outbounds = json.loads(response.content)["outbounds"]
            return [each["tag"] for each in outbounds if "server" in each]
    return [proxy["name"] for proxy in yaml.safe_load(response.content)["proxies"]]


def serve_at(subscription, location, *links):
    account = serve(subscription, links=links)
    Panel.objects.filter(pk=account.panel_id).update(location=location)
    return account


def key(number: int, name: str = "NL") -> str:
    return KEY.replace("nl1", f"host{number}").replace("#NL", f"#{name}")


@pytest.mark.parametrize("end", ENDS[:2] + ENDS[3:])
def test_servers_are_named_by_the_location_of_their_panel_and_unlike(fetch, subscription, end):
    serve_at(subscription, "🇳🇱 Нидерланды", key(1), key(2))
    serve_at(subscription, "🇩🇪 Germany", key(3))
    serve_at(subscription, "", key(4, "Fast"), key(5, "Fast"), key(6, ""))
    serve_at(subscription, "🇳🇱 Нидерланды", key(7))
    expected = [
        "🇳🇱 Нидерланды", "🇳🇱 Нидерланды 2", "🇩🇪 Germany", "Fast", "Fast 2", "host6.example.com",
        "🇳🇱 Нидерланды 3",
    ]  # fmt: skip
    assert names(fetch(end), end) == expected


def test_no_name_is_longer_than_apps_show_or_that_of_a_group(fetch, subscription):
    serve_at(subscription, "L" * 60, key(1), key(2))
    serve_at(subscription, "Servers", key(3))
    assert names(fetch()) == ["L" * 30, "L" * 28 + " 2", "Servers"]
    assert names(fetch("sing-box"), "sing-box")[2] == names(fetch("mihomo"), "mihomo")[2] == "Servers 2"
    serve_at(subscription, "direct", key(4))
    serve_at(subscription, "DIRECT", key(5))
    assert names(fetch("sing-box"), "sing-box")[3] == "direct 2"
    assert names(fetch("mihomo"), "mihomo")[4] == "DIRECT 2"


def test_one_server_through_two_panels_stands_there_once(fetch, subscription):
    serve_at(subscription, "NL", key(1, "one"), TROJAN)
    serve_at(subscription, "DE", key(1, "another"), key(2))
    assert names(fetch()) == ["NL", "NL 2", "DE"]


def test_another_location_is_another_document_at_once(fetch, subscription):
    account = serve_at(subscription, "NL", key(1))
    assert names(fetch("sing-box"), "sing-box") == ["NL"]
    Panel.objects.filter(pk=account.panel_id).update(location="DE")
    assert names(fetch("sing-box"), "sing-box") == ["DE"]


def gone(subscription, account):
    PanelAccount.objects.filter(pk=account.pk).update(placement="gone")


def rotated(subscription, account):
    Access.objects.filter(pk=subscription.access_id).update(key_epoch=1)


def other_links(subscription, account):
    PanelAccount.objects.filter(pk=account.pk).update(links=[key(2, "new")])


def ended(subscription, account):
    let_pass(subscription, days=30)


def used_up(subscription, account):
    Access.objects.filter(pk=subscription.access_id).update(traffic_limit=1)
    PanelAccount.objects.filter(pk=account.pk).update(used_bytes=1)


def switched_off(subscription, account):
    services.disable(subscription.pk, reason="fraud", actor="olga")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("change", [gone, rotated, other_links, ended, used_up, switched_off])
def test_what_changes_is_seen_at_once_though_answers_are_kept(fetch, subscription, end, change):
    account = serve(subscription, links=(TROJAN,))
    before = fetch(end)
    assert fetch(end).content == before.content
    change(subscription, account)
    after = fetch(end)
    assert after.content != before.content and after["ETag"] != before["ETag"]
    assert names(after, end) != names(before, end)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_form_says_why_nothing_is_served_in_the_customers_language(client, end, language):
    subscription = make_subscription(make_customer(language=language))
    serve(subscription, links=(TROJAN,))
    let_pass(subscription, days=30)
    with translation.override(language):
        expected = list(reasons(State.EXPIRED))
        assert all(0 < len(name) <= 30 for name in unfit())
    response = client.get(f"/s/{subscription.token}/{end}")
    assert (response.status_code, names(response, end)) == (200, expected)
    assert b"nl9.example.com" not in response.content


@pytest.mark.parametrize("end", ENDS)
def test_app_that_has_it_already_is_told_so_with_fresh_headers(client, fetch, subscription, end):
    account = serve(subscription, links=(TROJAN,))
    first = fetch(end)
    PanelAccount.objects.filter(pk=account.pk).update(used_bytes=12345)
    again = fetch(end, if_none_match=f'W/{first["ETag"]}, "other"')
    assert (again.status_code, again.content) == (304, b"")
    assert "download=12345" in again["subscription-userinfo"] and again["cache-control"] == "no-store"
    assert fetch(end, if_none_match='"other"').status_code == 200
    head = client.head(f"/s/{subscription.token}/{end}")
    assert (head.content, head["ETag"], head["Content-Length"]) == (
        b"",
        first["ETag"],
        str(len(first.content)),
    )


def test_nothing_secret_stands_in_the_keys_of_the_cache(fetch, subscription, settings):
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "feed"}}
    serve(subscription, links=(TROJAN,))
    for end in ENDS:
        fetch(end)
    kept = [key for key in locmem._caches["feed"] if ":feed:" in key]  # type: ignore[attr-defined]
    assert len(kept) == len(ENDS) - 1, "the list is made faster than found"
    assert not any("secret" in key or subscription.token in key or len(key) > 100 for key in kept)


def test_staff_turn_interval_and_announcement_with_a_trail(client, fetch, subscription):
    serve(subscription)
    assert "announce" not in fetch() and fetch()["profile-update-interval"] == "12"
    staff = make_staff()
    client.force_login(staff)
    form = {"update_hours": 3, "announce_en": "Works at night 🌙", "announce_ru": "", "fetches_per_minute": 5}
    form["device_removals"] = 5
    client.post(reverse("admin:subscriptions_subscriptionrules_add"), form)
    client.logout()
    response = fetch()
    assert response["profile-update-interval"] == "3"
    said = base64.b64decode(response["announce"].removeprefix("base64:"), validate=True).decode()
    assert said == "Works at night 🌙"
    assert AuditEvent.objects.get(action="subscription_rules.changed").data["update_hours"] == "3"


def test_announcement_is_in_the_customers_language(client):
    services.change_rules(announce_en="Night", announce_ru="Ночь", actor="olga")
    said = []
    for language in ("en", "ru"):
        subscription = make_subscription(make_customer(language=language))
        coded = client.get(f"/s/{subscription.token}")["announce"].removeprefix("base64:")
        said.append(base64.b64decode(coded).decode())
    assert said == ["Night", "Ночь"]


def test_app_is_led_to_the_customers_page(fetch, subscription):
    assert fetch("mihomo")["profile-web-page-url"] == subscription.link


def test_one_link_is_fetched_so_often_a_minute_and_others_meanwhile(client, fetch, subscription):
    services.change_rules(fetches_per_minute=3, actor="olga")
    assert [fetch(end).status_code for end in ("mihomo", "v2ray", "xray")] == [200] * 3
    refused = fetch()
    assert refused.status_code == 429 and 1 <= int(refused["Retry-After"]) <= 61
    assert refused["cache-control"] == "no-store" and "subscription-userinfo" not in refused
    assert fetch(accept="text/html").status_code == 429
    assert client.get(f"/s/{make_subscription().token}").status_code == 200


def test_guessing_is_slowed_by_address_and_stops_no_customer_behind_it(client, subscription, monkeypatch):
    monkeypatch.setattr(views, "UNKNOWN_PER_MINUTE", 3)
    guess = [client.get(f"/s/{number}", REMOTE_ADDR="2001:db8::1").status_code for number in range(4)]
    assert guess == [404, 404, 404, 429]
    assert client.get("/s/guess", REMOTE_ADDR="2001:db8::2").status_code == 429, "the same network"
    assert client.get("/s/guess", REMOTE_ADDR="2001:db8:1::1").status_code == 404
    assert client.get(f"/s/{subscription.token}", REMOTE_ADDR="2001:db8::1").status_code == 200


@pytest.mark.parametrize("end", ["", *ENDS])
def test_token_stands_in_no_log_whatever_follows_it(client, subscription, caplog, end):
    caplog.set_level("DEBUG")
    for method in (client.get, client.head, client.post):
        method(f"/s/{subscription.token}/{end}")
    assert subscription.token not in redact(caplog.text)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("accounts", [1, 20])
def test_every_form_takes_two_queries_cold_and_warm(
    fetch, subscription, end, accounts, django_assert_num_queries
):
    services.change_rules(announce_en="Night", actor="olga")
    for number in range(accounts):
        serve_at(subscription, f"place {number}", TROJAN.replace("nl9", f"nl{number}"))
    fetch()  # the first one is written down
    for _ in ("cold", "warm"):
        with django_assert_num_queries(2) as queries:
            assert len(names(fetch(end), end)) == accounts
        assert all(query["sql"].startswith("SELECT") for query in queries)
