"""Addresses that hand a link to an app: every row of the catalogue, and what staff may not write."""

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.core.exceptions import ValidationError

from subscriptions.import_links import check_template, fill
from subscriptions.models import AppPlace, ClientApp, Platform

ADDRESS = "https://vpn.example.com/s/a-b_C?one=1&two=a+b%2F#NL 1"
BARE = "https://vpn.example.com/s/a-b_C?one=1&two=a+b%2F"
NAME = "Мой VPN & co"
QUOTED = "https%3A%2F%2Fvpn.example.com%2Fs%2Fa-b_C%3Fone%3D1%26two%3Da%2Bb%252F%23NL%25201"
TITLE = "%D0%9C%D0%BE%D0%B9%20VPN%20%26%20co"
BASE64 = base64.b64encode(BARE.encode()).decode()
EXPECTED = {
    "happ": f"happ://add/{BARE}#NL%201",
    "v2raytun": f"v2raytun://import/{BARE}#NL%201",
    "hiddify": f"hiddify://import/{BARE}#{TITLE}",
    "streisand": f"streisand://import/{BARE}#{TITLE}",
    "v2rayng": f"v2rayng://install-sub?url={QUOTED}#{TITLE}",
    "clash-verge": f"clash://install-config?url={QUOTED}&name={TITLE}",
    "clash-meta": f"clashmeta://install-config?url={QUOTED}&name={TITLE}",
    "flclashx": f"flclashx://install-config?url={QUOTED}",
    "koala-clash": f"koala-clash://install-config?url={QUOTED}",
    "prizrak-box": f"prizrak-box://install-config?url={QUOTED}",
    "clash-mi": f"clashmi://install-config?overwrite=no&name={TITLE}&url={QUOTED}",
    "stash": f"stash://install-config?url={QUOTED}",
    "shadowrocket": f"shadowrocket://add/sub://{BASE64}?remark={TITLE}",
    "v2box": f"v2box://install-sub?url={QUOTED}&name={TITLE}",
    "karing": f"karing://install-config?url={QUOTED}&name={TITLE}",
    "sing-box": f"sing-box://import-remote-profile?url={QUOTED}#{TITLE}",
    "nekobox": f"sn://subscription?url={QUOTED}&name={TITLE}",
    "exclave": f"exclave://subscription?url={QUOTED}",
    "incy": f"incy://import/{BARE}#NL%201",
    "v2rayn": "",
    "throne": "",
}
ADVISED = {
    Platform.IOS: ["happ", "v2raytun", "streisand"],
    Platform.ANDROID: ["happ", "v2raytun", "hiddify", "v2rayng"],
    Platform.WINDOWS: ["happ", "hiddify", "clash-verge", "flclashx"],
    Platform.MACOS: ["happ", "v2raytun", "hiddify"],
    Platform.LINUX: ["hiddify", "flclashx", "happ"],
    Platform.ANDROID_TV: ["happ"],
    Platform.APPLE_TV: ["happ"],
}


def test_every_app_of_a_new_shop_gets_the_link_as_it_reads_it(db):
    assert {app.code: app.import_link(ADDRESS, NAME) for app in ClientApp.objects.all()} == EXPECTED


def test_what_a_new_shop_knows_passes_its_own_checks(db):
    for app in ClientApp.objects.all():
        app.full_clean()
    for place in AppPlace.objects.select_related("app"):
        place.full_clean()


def test_the_link_comes_back_whole_out_of_every_query():
    link = fill("clash://install-config?url={e}&name={n}", ADDRESS, NAME)
    assert parse_qs(urlsplit(link).query) == {
        "url": ["https://vpn.example.com/s/a-b_C?one=1&two=a+b%2F#NL%201"],
        "name": [NAME],
    }
    assert unquote(urlsplit(fill("v2rayng://install-sub?url={e}#{n}", ADDRESS, NAME)).fragment) == NAME


@pytest.mark.parametrize("platform", list(Platform))
def test_apps_come_in_the_order_we_advise(db, platform):
    codes = AppPlace.objects.filter(platform=platform).values_list("app__code", flat=True)
    assert list(codes)[: len(ADVISED[platform])] == ADVISED[platform]


@pytest.mark.parametrize(
    "template",
    [
        "javascript://%0aalert(1)//{u}",
        "JavaScript://{u}",
        "javascript:{u}",
        "http://evil.example/{u}",
        "https://evil.example/{e}",
        "data://text/html,{u}",
        "file://{u}",
        "intent://x{u}#Intent;end",
        "vbscript://{u}",
        "chrome-extension://{u}",
        "ms-settings://{u}",
        "{u}",
        "happ:{u}",
        " happ://add/{u}",
        "happ://add/",
        "happ://add/{x}{u}",
        "happ://add/{{u}}",
        'happ://add/{u}"onclick=',
        "happ://add/{u} x",
        "happ://add/{u}\njavascript://",
        "happ://дом/{u}",
    ],
)
def test_staff_cannot_make_a_button_that_opens_anything_but_an_app(template):
    with pytest.raises(ValidationError):
        check_template(template)
    assert fill(template, ADDRESS, NAME) == "", "a row written past the form does nothing either"


def test_stores_are_reached_over_https_only(db):
    place = AppPlace(
        app=ClientApp.objects.get(code="incy"), platform=Platform.LINUX, store_url="http://x.example"
    )
    with pytest.raises(ValidationError) as refused:
        place.full_clean()
    assert set(refused.value.message_dict) == {"store_url"}
