"""The sandbox's page over HTTP: what it serves and whom its calls reach."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from sandbox.server import SandboxThread
from tests.world import PanelWorld, TelegramWorld, XuiWorld

STATIC = Path(__file__).parents[3] / "sandbox" / "page" / "static"
REFERENCE = re.compile(
    r"""(?:src|href)=["']([^"']+)["']|from ["']([^"']+)["']|(?:src|href): ["']([^"']+)["']|url\("([^"]+)"\)"""
)
SAID_BY_STAND_INS = {"active", "disabled", "limited", "expired", "on_hold", "outage"}
WORD = re.compile(r"""\b(\w+): (?:"|')""")


@pytest.fixture
def page(
    box: SandboxThread,
    telegram: TelegramWorld,
    marzban: PanelWorld,
    xui_clients: XuiWorld,
    xui_legacy: XuiWorld,
) -> str:
    return box.addresses["page"]


def referred(page: str) -> Iterator[tuple[str, requests.Response]]:
    """Walk from the page to everything it loads, as a browser would."""
    waiting, seen = [f"{page}/"], set()
    while waiting:
        address = waiting.pop()
        if address not in seen:
            seen.add(address)
            answer = requests.get(address, timeout=10)
            yield address, answer
            found = (next(filter(None, match)) for match in REFERENCE.findall(answer.text))
            waiting += [urljoin(address, name) for name in found if name != "#"]


def test_everything_the_page_loads_is_there_and_nothing_lies_unused(page):
    loaded = {address: answer.status_code for address, answer in referred(page)}
    assert set(loaded.values()) == {200}
    assert {address.rpartition("/")[2] for address in loaded} - {""} == {
        path.name for path in STATIC.iterdir() if path.name != "index.html"
    }


def test_the_page_loads_nothing_from_outside(page):
    assert all(address.startswith(page) for address, _ in referred(page))
    assert "default-src 'self'" in requests.get(page, timeout=10).headers["Content-Security-Policy"]


def test_modules_are_served_as_javascript_and_asked_for_anew(page):
    answer = requests.get(f"{page}/static/main.js", timeout=10)
    assert "javascript" in answer.headers["Content-Type"]
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "..%2fapp.py"])
def test_files_beside_the_static_ones_stay_hidden(page, name):
    assert requests.get(f"{page}/static/{name}", timeout=10).status_code in (403, 404)


def test_config_names_the_panels_and_leaves_unknown_addresses_empty(box, page):
    config = requests.get(f"{page}/config", timeout=10).json()
    assert [(panel["name"], panel["about"]) for panel in config["panels"]] == [
        ("marzban", "Marzban 0.8.4"),
        ("marzban2", "Marzban 0.8.4"),
        ("xui", "3x-ui 3.5.0"),
        ("xui2", "3x-ui 2.8.9"),
    ]
    assert config["panels"][0]["url"] == box.addresses["marzban"]
    assert (config["web"], config["admin"], config["docs"]) == (None, None, None)


def test_config_gives_the_addresses_it_was_told():
    links = {"web": "http://127.0.0.1:9000", "admin": "http://127.0.0.1:9000/admin/"}
    with SandboxThread(links=dict(links)) as box:
        config = requests.get(f"{box.addresses['page']}/config", timeout=10).json()
    assert {name: config[name] for name in links} == links


def test_what_is_said_through_the_page_reaches_the_bot(page, telegram):
    TelegramWorld(page).say(7, "/start r_ABC", phone="2")
    assert [message["text"] for message in telegram.chat(7)] == ["/start r_ABC"]
    assert telegram.emu("GET", "queue")["pending"] == 1


def test_each_panel_is_reached_under_its_own_name(page, marzban, second_marzban):
    PanelWorld(f"{page}/panels/marzban2").emu("POST", "users", username="guest_two", expire=0)
    assert (list(marzban.users()), list(second_marzban.users())) == ([], ["guest_two"])


def test_a_panel_that_does_not_exist_is_not_found(page):
    assert requests.get(f"{page}/panels/other/_emu/users", timeout=10).status_code == 404


def test_the_page_sees_a_panel_whose_cable_is_pulled(page, marzban):
    through_page = PanelWorld(f"{page}/panels/marzban")
    through_page.outage(True)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{marzban.address}/api/system", timeout=10)
    assert through_page.users() == {}
    assert through_page.fired() == {"outage": 1}


def test_events_arrive_while_the_stream_is_open(page, telegram):
    with requests.get(f"{page}/_emu/events", stream=True, timeout=10) as stream:
        lines = filter(None, stream.iter_lines())
        next(lines)
        telegram.say(7, "hello")
        events = (json.loads(line.removeprefix(b"data: ")) for line in lines)
        told = next(event for event in events if event["kind"] == "telegram.message")
    assert (told["chat_id"], told["message"]["text"]) == (7, "hello")


def test_both_languages_have_every_word_that_is_used():
    source = (STATIC / "i18n.js").read_text()
    english, russian = (
        set(WORD.findall(block)) for block in re.findall(r"= \{\n(.*?)\n\};", source, re.DOTALL)[:2]
    )
    used = {key for path in STATIC.glob("*.js") for key in re.findall(r'\bt\("(\w+)"', path.read_text())}
    assert english == russian
    assert used - english == set()


def test_no_word_is_left_over():
    source = (STATIC / "i18n.js").read_text()
    words = set(WORD.findall(re.findall(r"= \{\n(.*?)\n\};", source, re.DOTALL)[0]))
    code = source.rpartition("const words")[2]
    code += "".join(path.read_text() for path in STATIC.glob("*.js") if path.name != "i18n.js")
    assert {word for word in words - SAID_BY_STAND_INS if f'"{word}"' not in code} == set()
