"""Which document an app gets, by the end of the address, by Accept and by User-Agent."""

import base64
import json

import pytest
import yaml

from tests.factories import make_subscription, serve

pytestmark = pytest.mark.django_db

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def subscription():
    subscription = make_subscription()
    serve(subscription, links=("trojan://secret@nl1.example.com:443#a",))
    return subscription


@pytest.fixture
def fetch(client, subscription):
    return lambda end="", **headers: client.get(f"/s/{subscription.token}{end}", headers=headers)


def kind(response) -> str:
    """Tell what a document is by reading it as its app would."""
    assert response.status_code == 200
    about = response["Content-Type"]
    if about.startswith("text/html"):
        return "page"
    if about.startswith("text/yaml"):
        assert yaml.safe_load(response.content)["proxies"]
        return "mihomo"
    if about.startswith("application/json"):
        whole = json.loads(response.content)
        return "xray" if isinstance(whole, list) else "sing-box"
    assert about == "text/plain; charset=utf-8"
    assert base64.b64decode(response.content, validate=True).startswith(b"trojan://")
    return "list"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("Happ/3.21.1/ios", "list"),
        ("v2raytun/ios", "list"),
        ("Streisand", "list"),
        ("v2rayNG/1.10.2", "list"),
        ("v2rayN/7.9", "list"),
        ("HiddifyNext/2.5.7 (android)", "list"),
        ("Shadowrocket/2615 CFNetwork", "list"),
        ("INCY/1.4", "list"),
        ("V2Box/9.9", "list"),
        ("ktor-client", "list"),
        ("curl/8.5.0", "list"),
        ("", "list"),
        ("NotClash/1.0", "list"),
        ("x" * 5000, "list"),
        ("clash-verge/v2.0.3", "mihomo"),
        ("Clash-Verge/v2.0.3", "mihomo"),
        ("ClashMetaForAndroid/2.11.7.Meta", "mihomo"),
        ("clash.meta/1.19", "mihomo"),
        ("ClashX Meta/1.4", "mihomo"),
        ("FlClash/v0.8.86", "mihomo"),
        ("FlClashX/v0.3.0", "mihomo"),
        ("mihomo/1.19.3", "mihomo"),
        ("mihomo.party/v1.7", "mihomo"),
        ("koala-clash/1.0", "mihomo"),
        ("prizrak-box/1.0", "mihomo"),
        ("Stash/2.7.1 Clash/1.9.0", "mihomo"),
        ("ClashforWindows/0.20.39", "mihomo"),
        ("SFA/1.11.4 (474; sing-box 1.11.4; language ru_RU)", "sing-box"),
        ("SFI/1.12.0", "sing-box"),
        ("SFM/1.12.0", "sing-box"),
        ("SFT/1.12.0", "sing-box"),
        ("Karing/1.1.2", "sing-box"),
        ("NekoBox/Android/1.3.8", "sing-box"),
        ("NekoBox/Android/1.4.2 (Prefer ClashMeta Format)", "mihomo"),
        ("husi/1.0", "sing-box"),
        ("sing-box 1.12.2", "sing-box"),
    ],
)
def test_app_gets_what_it_reads(fetch, agent, expected):
    assert kind(fetch(user_agent=agent, accept="*/*")) == expected


@pytest.mark.parametrize("agent", ["Happ/3.21.1/ios", "clash-verge/v2.0.3", "SFA/1.11.4", "Mozilla/5.0"])
def test_whoever_takes_html_by_name_gets_the_page(fetch, agent):
    assert kind(fetch(user_agent=agent, accept=BROWSER)) == "page"
    assert kind(fetch(user_agent=agent, accept="text/HTML;level=1")) == "page"
    assert kind(fetch(user_agent=agent, accept="text/html;q=0, */*")) != "page"


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("/v2ray", "list"), ("/clash-meta", "mihomo"), ("/mihomo", "mihomo"), ("/clash", "mihomo"),
        ("/sing-box", "sing-box"), ("/v2ray-json", "xray"), ("/xray", "xray"), ("/", "list"),
    ],
)  # fmt: skip
def test_named_document_goes_before_who_asks(fetch, end, expected):
    for agent in ("Happ/3.21.1/ios", "clash-verge/v2.0.3", "SFA/1.11.4"):
        if end != "/":
            assert kind(fetch(end, user_agent=agent, accept=BROWSER)) == expected
    assert kind(fetch(end)) == expected


@pytest.mark.parametrize("end", ["/no-such", "/clash-meta/more", "//", "/xray/"])
def test_no_such_document_is_no_link_of_ours(client, fetch, end):
    wrong, unknown = fetch(end), client.get("/s/unknown")
    assert (
        (wrong.status_code, wrong.content) == (404, unknown.content) == (unknown.status_code, unknown.content)
    )
    browser, nothing = fetch(end, accept=BROWSER), client.get("/s/unknown", headers={"accept": BROWSER})
    assert (browser.status_code, nothing.status_code) == (404, 404)
    assert browser["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("agent", "has_types"),
    [
        ("SFA/1.11.4 (474; sing-box 1.11.4; language ru_RU)", False),
        ("SFI/1.11.0", False),
        ("SFA/1.12.0-beta.1", True),
        ("SFI/1.13.2 (1; sing-box 1.13.2)", True),
        ("Karing/1.1.2 sing-box/1.11.9", False),
        ("SFA/2.0.0", True),
        ("Karing/1.1.2", True),
    ],
)
def test_sing_box_gets_the_form_of_its_version(fetch, agent, has_types):
    servers = json.loads(fetch(user_agent=agent).content)["dns"]["servers"]
    assert all(("type" in server) == has_types for server in servers)
    assert all(("address" in server) != has_types for server in servers)
