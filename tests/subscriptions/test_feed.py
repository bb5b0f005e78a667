"""The subscription document as VPN apps read it."""

import base64
from datetime import timedelta
from email.message import Message
from urllib.parse import unquote, urlsplit

import pytest
from django.utils import translation

from core import clock
from subscriptions import services
from subscriptions.feeds.signs import reasons
from subscriptions.models import Subscription
from subscriptions.status import State
from subscriptions.views import NEUTRAL
from tests.factories import KEY, let_pass, make_customer, make_subscription, serve
from vpnservice.logs import redact

pytestmark = pytest.mark.django_db

NOWHERE = "00000000-0000-0000-0000-000000000000"


def links(response) -> list[str]:
    """Return the entries of a base64 list, read as strictly as an app may."""
    text = base64.b64decode(response.content, validate=True).decode()
    assert text.endswith("\n")
    return text.splitlines()


def names(response) -> list[str]:
    return [unquote(urlsplit(link).fragment) for link in links(response)]


def usage(response) -> dict[str, int]:
    pairs = (part.split("=") for part in response["subscription-userinfo"].split(";"))
    return {name.strip(): int(value) for name, value in pairs}


@pytest.fixture
def subscription():
    return make_subscription()


@pytest.fixture
def fetch(client, subscription):
    return lambda **headers: client.get(f"/s/{subscription.token}", headers=headers)


def test_document_lists_the_keys_of_all_serving_accounts_once(fetch, subscription):
    serve(subscription, links=(KEY, "trojan://secret@nl1.example.com:443#a"))
    serve(subscription, links=(KEY, "ss://eA@de1.example.com:443#b"))
    serve(subscription, links=("vless://gone",), placement="gone")
    response = fetch()
    assert links(response) == [KEY, "trojan://secret@nl1.example.com:443#a", "ss://eA@de1.example.com:443#b"]
    assert response["Content-Type"] == "text/plain; charset=utf-8"


def test_headers_tell_what_is_used_and_until_when(fetch, subscription):
    serve(subscription, used_bytes=300)
    serve(subscription, used_bytes=42, placement="gone")
    expires = int(subscription.expires_at.timestamp())
    assert usage(fetch()) == {"upload": 0, "download": 342, "total": 0, "expire": expires}


def test_limit_stands_in_the_headers(client):
    subscription = make_subscription(traffic_limit=5 * 2**30)
    serve(subscription)
    assert usage(client.get(f"/s/{subscription.token}"))["total"] == 5 * 2**30


def test_apps_learn_when_traffic_starts_anew(fetch, subscription):
    assert "subscription-refill-date" not in fetch()
    again = clock.now() + timedelta(days=3)
    Subscription.objects.filter(pk=subscription.pk).update(resets_at=again)
    assert int(fetch()["subscription-refill-date"]) == int(again.timestamp())


def test_title_and_file_name_survive_cyrillic(fetch, settings):
    settings.SHOP_NAME = "Быстрый VPN"
    response = fetch()
    title = response["profile-title"].removeprefix("base64:")
    assert base64.b64decode(title, validate=True).decode() == "Быстрый VPN"
    disposition = Message()
    disposition["content-disposition"] = response["content-disposition"]
    assert disposition.get_filename() == "Быстрый VPN"


def test_document_is_kept_out_of_caches_indexes_and_referrers(fetch):
    response = fetch()
    assert (response["cache-control"], response["x-robots-tag"], response["referrer-policy"]) == (
        "no-store",
        "noindex",
        "no-referrer",
    )
    assert "set-cookie" not in response


@pytest.mark.parametrize(
    ("contact", "address"),
    [
        ("@shop_help", "https://t.me/shop_help"),
        ("t.me/shop_help", "https://t.me/shop_help"),
        ("https://t.me/shop_help", "https://t.me/shop_help"),
        ("https://help.example.com/vpn?x=1", "https://help.example.com/vpn?x=1"),
    ],
)
def test_support_contact_becomes_an_address(fetch, settings, contact, address):
    settings.SUPPORT_CONTACT = contact
    assert fetch()["support-url"] == address


@pytest.mark.parametrize("contact", ["", "call Olga", "https://x\r\nset-cookie: a=b", "javascript:alert(1)"])
def test_no_address_no_header(fetch, settings, contact):
    settings.SUPPORT_CONTACT = contact
    assert "support-url" not in fetch()


def test_app_asks_again_every_12_hours_and_sooner_while_waiting(fetch, subscription):
    assert fetch()["profile-update-interval"] == "1"
    serve(subscription)
    assert fetch()["profile-update-interval"] == "12"


def test_head_has_the_same_headers_and_no_body(client, fetch, subscription):
    serve(subscription)
    whole, head = fetch(), client.head(f"/s/{subscription.token}")
    assert head.content == b""
    assert own_headers(head) == own_headers(whole)


def pending(subscription):
    """A panel has not got it yet."""


def exhausted(subscription):
    type(subscription.access).objects.update(traffic_limit=100)
    serve(subscription, used_bytes=100)


def expired(subscription):
    serve(subscription)
    let_pass(subscription, days=8)


def disabled(subscription):
    serve(subscription)
    services.disable(subscription.pk, reason="fraud", actor="olga")


def banned(subscription):
    serve(subscription)
    services.ban_customer(subscription.user_id, reason="fraud", actor="olga")


@pytest.mark.parametrize(
    ("happen", "said"),
    [
        (pending, ["Being activated", "Refresh in a minute"]),
        (exhausted, ["Traffic is used up", "Renew in the bot"]),
        (expired, ["Subscription has ended", "Renew in the bot"]),
        (disabled, ["Subscription is switched off", "Write to support"]),
        (banned, ["Access is closed", "Write to support"]),
    ],
)
def test_app_shows_why_nothing_is_served(fetch, subscription, happen, said):
    happen(subscription)
    response = fetch()
    assert (response.status_code, names(response)) == (200, said)
    assert all(
        urlsplit(link).username == NOWHERE and urlsplit(link).hostname == "127.0.0.1"
        for link in links(response)
    )


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("state", [state for state in State if state not in (State.ACTIVE, State.NONE)])
def test_reasons_fit_what_apps_show_of_a_name(language, state):
    with translation.override(language):
        assert all(0 < len(name) <= 30 for name in reasons(state))


def test_language_is_the_customers_not_the_apps(client):
    subscription = make_subscription(make_customer(language="en"))
    response = client.get(f"/s/{subscription.token}", headers={"accept-language": "ru"})
    assert names(response)[0] == "Being activated"


def own_headers(response) -> dict[str, str]:
    """All headers but the id of the request."""
    return {name: value for name, value in response.items() if name != "X-Request-ID"}


def unlike_any_link(subscription) -> list[str]:
    rotated = subscription.token
    services.rotate_link(subscription.pk, actor="olga")
    return [
        rotated,
        "A" * 32,
        "short",
        "x" * 5000,
        "%00",
        "%ff%fe",
        "ключ",
        "a/b",
        f"{rotated}/",
        subscription.token_hash,
    ]


def test_whatever_is_no_link_gets_one_and_the_same_answer(client, subscription):
    answers = [client.get(f"/s/{token}") for token in unlike_any_link(subscription)]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {NEUTRAL.encode()}
    assert all(own_headers(answer) == own_headers(answers[0]) for answer in answers)


def test_document_cannot_be_written_to(client, subscription):
    assert client.post(f"/s/{subscription.token}").status_code == 405


def test_token_stands_in_no_log(client, subscription, caplog):
    caplog.set_level("DEBUG")
    client.get(f"/s/{subscription.token}")
    services.rotate_link(subscription.pk, actor="olga")
    client.get(f"/s/{subscription.token}")
    assert subscription.token not in redact(caplog.text)


@pytest.mark.parametrize("accounts", [1, 10, 20])
def test_document_takes_two_queries_and_writes_nothing(
    fetch, subscription, accounts, django_assert_num_queries
):
    for number in range(accounts):
        serve(subscription, links=(KEY.replace("nl1", f"nl{number}"),))
    fetch()  # the first one is written down
    with django_assert_num_queries(2) as queries:
        assert len(links(fetch())) == accounts
    assert all(query["sql"].startswith("SELECT") for query in queries)


def test_unknown_token_takes_one_query(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get("/s/unknown")
