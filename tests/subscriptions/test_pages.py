"""The customer's page and the page that hands the link to an app, as a browser reads them."""

import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.conf import settings as django_settings
from django.utils import translation

from subscriptions import catalogue
from subscriptions.models import ClientApp, Conditions, Platform, Subscription
from subscriptions.pages import words
from subscriptions.status import State
from tests.factories import let_pass, make_customer, make_subscription, serve
from tests.subscriptions.test_feed import banned, disabled, exhausted, expired, own_headers, unlike_any_link
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db

GIB = 2**30
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
CYRILLIC = re.compile("[а-яё]", re.I)


class Page(HTMLParser):
    """What stands on a page: its text, and the attributes of every element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += f"{data} "

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self) -> list[str]:
        return [anchor["href"] or "" for anchor in self.of("a")]


@pytest.fixture
def subscription():
    return make_subscription(make_customer(language="en"))


@pytest.fixture
def look(client, subscription):
    def fetch(address: str = "", **headers: str):
        headers = {"accept": BROWSER, **headers}
        return client.get(address or f"/s/{subscription.token}", headers=headers)

    return fetch


def page_of(response) -> Page:
    return Page(response.content.decode())


def works(subscription):
    serve(subscription)


def pending(subscription):
    """No panel has it yet."""


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    ("happen", "state"),
    [
        (works, State.ACTIVE),
        (pending, State.PENDING),
        (exhausted, State.EXHAUSTED),
        (expired, State.EXPIRED),
        (disabled, State.DISABLED),
        (banned, State.BANNED),
    ],
)
def test_page_says_how_things_stand_in_the_customers_language(client, happen, state, language, settings):
    settings.SUPPORT_CONTACT, settings.TELEGRAM_BOT_USERNAME = "@shop_help", "shop_bot"
    subscription = make_subscription(make_customer(language=language))
    happen(subscription)
    other = "ru" if language == "en" else "en"
    response = client.get(f"/s/{subscription.token}", headers={"accept": BROWSER, "accept-language": other})
    page = page_of(response)
    with translation.override(language):
        heading, advice = words(state)
    assert (response.status_code, response["content-language"]) == (200, language)
    assert heading in page.text and advice in page.text
    own = page.text.replace("Русский", "")
    assert bool(CYRILLIC.search(own)) == (language == "ru")
    is_held = state in (State.DISABLED, State.BANNED)
    assert ("https://t.me/shop_bot?start=plans" in page.links) != is_held
    assert "https://t.me/shop_help" in page.links
    offers_apps = state in (State.ACTIVE, State.PENDING, State.EXHAUSTED)
    assert any("/open/happ/" in link for link in page.links) == offers_apps
    assert bool(page.of("svg")) == offers_apps


def test_headings_of_states_differ():
    headings = [words(state)[0] for state in State if state is not State.NONE]
    assert len(set(headings)) == len(headings)


def test_page_is_read_in_the_language_that_was_chosen_on_it(look, subscription):
    serve(subscription)
    response = look(f"/s/{subscription.token}?lang=ru")
    assert "Ваш VPN работает" in page_of(response).text
    assert all("lang=ru" in link for link in page_of(response).links if link.startswith("/open/"))


@pytest.mark.parametrize(
    ("used", "limit", "left", "percent"),
    [
        (3 * GIB, 10 * GIB, "7 of 10 GB", "70"),
        (0, 10 * GIB, "10 of 10 GB", "100"),
        (10 * GIB - 1, 10 * GIB, "0.0 of 10 GB", "1"),
    ],
)
def test_bar_shows_what_is_left_of_the_traffic(look, subscription, used, limit, left, percent):
    Access.objects.filter(pk=subscription.access_id).update(traffic_limit=limit)
    serve(subscription, used_bytes=used)
    page = page_of(look())
    assert left in page.text
    assert [bar["value"] for bar in page.of("progress")] == [percent]


def test_without_a_limit_there_is_no_bar(look, subscription):
    serve(subscription, used_bytes=5 * GIB)
    page = page_of(look())
    assert "no limit" in page.text and "5 GB used" in page.text and not page.of("progress")


def test_the_page_says_when_traffic_starts_anew(look, subscription):
    Access.objects.filter(pk=subscription.access_id).update(traffic_limit=10 * GIB)
    Subscription.objects.filter(pk=subscription.pk).update(resets_at=datetime(2027, 1, 5, tzinfo=UTC))
    serve(subscription)
    assert "starts anew on 5 January" in page_of(look()).text


def test_days_left_stand_on_the_page(look, subscription):
    serve(subscription)
    let_pass(subscription, days=4)
    assert "3 days" in page_of(look()).text


@pytest.mark.parametrize("address", ["/s/{token}", "/open/happ/{token}", "/s/unknown", "/open/happ/unknown"])
def test_pages_load_nothing_from_elsewhere_and_are_kept_to_themselves(look, subscription, address, settings):
    settings.SUPPORT_CONTACT = "@shop_help"
    serve(subscription)
    response = look(address.format(token=subscription.token))
    policy = dict(part.strip().split(" ", 1) for part in response["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert (response["referrer-policy"], response["cache-control"]) == ("no-referrer", "no-store")
    assert "noindex" in response["x-robots-tag"] and "set-cookie" not in response
    page = page_of(response)
    loaded = [*(link["href"] for link in page.of("link")), *(script["src"] for script in page.of("script"))]
    assert len(loaded) == 3 and all(source.startswith("/static/") for source in loaded)
    assert not page.of("style") and not page.of("img") and not page.of("form")
    assert not [name for _tag, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not [tag for tag, attributes in page.elements if "style" in attributes]
    for anchor in page.of("a"):
        if (anchor["href"] or "").startswith("http"):
            assert subscription.token not in anchor["href"] and "noreferrer" in anchor["rel"]


def test_static_files_name_no_other_host():
    for name in ("page.css", "page.js"):
        text = (Path(django_settings.BASE_DIR) / "static" / "subscriptions" / name).read_text()
        assert "//" not in text.replace("// ", "") and "@import" not in text and "url(" not in text


def test_token_stands_only_in_the_link_and_where_it_is_imported(look, subscription):
    serve(subscription)
    for _tag, attributes in page_of(look()).elements:
        for name, value in attributes.items():
            if subscription.token in (value or ""):
                assert name in ("value", "data-copy") or (name == "href" and value.startswith("/open/"))


def test_a_phone_sees_its_own_apps_first(look, subscription):
    serve(subscription)
    page = page_of(look(**{"user-agent": IPHONE}))
    opened = [element for element in page.of("details") if "open" in element]
    assert len(opened) == 1
    html = look(**{"user-agent": IPHONE}).content.decode()
    assert re.search(r'<details class="platform" name="platform" open>\s*<summary>iPhone', html)


@pytest.mark.parametrize(
    ("agent", "platform"),
    [
        (IPHONE, Platform.IOS),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/120", Platform.ANDROID),
        ("Mozilla/5.0 (Linux; Android 11; BRAVIA 4K VH2) Chrome/90", Platform.ANDROID_TV),
        ("AppleTV11,1/11.1", Platform.APPLE_TV),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", Platform.WINDOWS),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", Platform.MACOS),
        ("Mozilla/5.0 (X11; Linux x86_64)", Platform.LINUX),
        ("curl/8", None),
    ],
)
def test_platforms_are_known_by_the_browser(agent, platform):
    assert catalogue.platform_of(agent) == platform


def test_a_strict_plan_offers_only_apps_that_tell_their_device(look, subscription):
    Subscription.objects.filter(pk=subscription.pk).update(device_mode=Conditions.DeviceMode.STRICT)
    serve(subscription)
    offered = set(re.findall(r"/open/([\w-]+)/", " ".join(page_of(look()).links)))
    assert offered == set(ClientApp.objects.filter(tells_device=True).values_list("code", flat=True))


def test_guides_of_staff_are_shown_as_they_wrote_them(look, subscription):
    ClientApp.objects.filter(code="happ").update(guide_en="Do <b>this</b>\n\n Then that ")
    serve(subscription)
    html = look(f"/open/happ/{subscription.token}").content.decode()
    assert "<li>Do &lt;b&gt;this&lt;/b&gt;</li><li>Then that</li>" in html


def test_apps_staff_hide_are_offered_nowhere(look, subscription):
    ClientApp.objects.exclude(code="v2rayn").update(is_enabled=False)
    serve(subscription)
    page = page_of(look())
    assert "v2rayN" in page.text and "Happ" not in page.text
    assert look(f"/open/happ/{subscription.token}").status_code == 404


def test_the_import_page_hands_over_the_link_in_the_apps_own_way(look, subscription):
    for app in ClientApp.objects.all():
        page = page_of(look(f"/open/{app.code}/{subscription.token}"))
        imports = [anchor["href"] for anchor in page.of("a") if "data-import" in anchor]
        wanted = app.import_link(subscription.link, "VPN")
        assert imports == ([wanted] if wanted else []), app.code
        assert [field["value"] for field in page.of("input")] == [subscription.link]


def test_names_of_shop_and_app_cannot_break_out_of_the_page(look, subscription, settings):
    settings.SHOP_NAME = "\"><script>alert(1)</script>&'"
    ClientApp.objects.filter(code="hiddify").update(name="<img src=x>")
    response = look(f"/open/hiddify/{subscription.token}")
    page = page_of(response)
    assert len(page.of("script")) == 1 and not page.of("img")
    imports = next(anchor["href"] for anchor in page.of("a") if "data-import" in anchor)
    assert unquote(imports.rpartition("#")[2]) == settings.SHOP_NAME
    assert imports not in unescape(response.content.decode()).replace(f'"{imports}"', "")


def test_only_what_staff_wrote_down_can_be_opened(look, subscription):
    token = subscription.token
    answers = [
        look(address)
        for address in (f"/open/nothing/{token}", "/open/happ/unknown", "/s/unknown", f"/open/happ/{token}x")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {answers[0].content}
    for query in ("?url=https://evil.example", "?scheme=javascript:", "?lang=<x>", "?app=evil"):
        assert look(f"/open/happ/{token}{query}").content == look(f"/open/happ/{token}").content


def test_whatever_is_no_link_shows_browsers_one_and_the_same_page(look, subscription, settings):
    settings.TELEGRAM_BOT_USERNAME = "shop_bot"
    answers = [look(f"/s/{token}") for token in unlike_any_link(subscription)]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert all(own_headers(answer) == own_headers(answers[0]) for answer in answers)
    assert "https://t.me/shop_bot" in page_of(answers[0]).links
    russian = look("/s/unknown", **{"accept-language": "ru"})
    assert CYRILLIC.search(page_of(russian).text.replace("Русский", ""))


def test_apps_that_accept_anything_still_get_their_servers(look, subscription):
    serve(subscription)
    for accept in ("*/*", "text/plain", ""):
        assert look(accept=accept)["content-type"].startswith("text/plain")


def test_pages_cannot_be_written_to(client, subscription):
    assert client.post(f"/open/happ/{subscription.token}").status_code == 405


@pytest.mark.parametrize("accounts", [1, 10])
def test_the_page_takes_three_queries_and_writes_nothing(
    look, subscription, accounts, django_assert_num_queries
):
    for _number in range(accounts):
        serve(subscription)
    with django_assert_num_queries(3) as queries:
        look()
    assert all(query["sql"].startswith("SELECT") for query in queries)


def test_the_import_page_takes_two_queries_and_an_unknown_one_takes_one(
    look, subscription, django_assert_num_queries
):
    with django_assert_num_queries(2):
        look(f"/open/happ/{subscription.token}")
    with django_assert_num_queries(1):
        look("/open/happ/unknown")


def test_the_code_on_the_page_is_the_link(look, subscription, tmp_path):
    import zxingcpp
    from PIL import Image

    serve(subscription)
    html = look().content.decode()
    side = int(re.search(r'viewBox="0 0 (\d+) \1"', html)[1])
    picture = Image.new("1", (side, side), 1)
    for column, row, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", html):
        for offset in range(int(length)):
            picture.putpixel((int(column) + offset, int(row)), 0)
    read = zxingcpp.read_barcodes(picture.convert("L").resize((side * 4, side * 4), Image.Resampling.NEAREST))
    assert [code.text for code in read] == [subscription.link]
