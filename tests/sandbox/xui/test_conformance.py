"""The panel stand-in against exchanges composed from the panel's documented behaviour, version by version.

`tests/fixtures/xui/exchanges.jsonl`: who asks (`as`), which clients are there before (`given`), the call and
its answer. In an answer "<text>" and "<number>" stand for any of the kind, "<any>" for anything, and
{"<json>": ...} for a string of JSON.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.xui.owner import Owner
from tests.world import XuiWorld

FIXTURE = Path(__file__).parents[2] / "fixtures" / "xui" / "exchanges.jsonl"
EXCHANGES = [json.loads(line) for line in FIXTURE.read_text().splitlines()]
CASES = [(exchange, version) for exchange in EXCHANGES for version in exchange["versions"]]


def speaker(world: XuiWorld, kind: str) -> Owner:
    owner = Owner(world)
    match kind:
        case "token":
            owner.bear()
        case "cookie":
            owner.log_in()
        case "cookie only":
            owner.log_in_with_csrf()
            del owner.http.headers["X-CSRF-Token"]
        case "anonymous":
            owner.http.headers["X-CSRF-Token"] = owner.call("GET", "csrf-token").json()["obj"]
    return owner


def unlike(wanted: Any, given: Any, place: str = "body") -> list[str]:
    """Say where an answer differs from what was written down."""
    if isinstance(wanted, dict) and set(wanted) == {"<json>"}:
        return unlike(wanted["<json>"], json.loads(given), place)
    if isinstance(wanted, dict) and isinstance(given, dict):
        names = sorted(wanted.keys() | given.keys())
        pairs = [
            (wanted.get(name, "missing"), given.get(name, "missing"), f"{place}.{name}") for name in names
        ]
        return [line for pair in pairs for line in unlike(*pair)]
    if isinstance(wanted, list) and isinstance(given, list) and len(wanted) == len(given):
        pairs = [(a, b, f"{place}[{n}]") for n, (a, b) in enumerate(zip(wanted, given, strict=True))]
        return [line for pair in pairs for line in unlike(*pair)]
    if wanted == "<text>":
        same = isinstance(given, str) and given != "missing"
    elif wanted == "<number>":
        same = isinstance(given, int | float) and not isinstance(given, bool)
    else:
        same = wanted == "<any>" or (wanted == given and type(wanted) is type(given))
    return [] if same else [f"{place}: {given!r}, written down {wanted!r}"]


def differences(answer: dict[str, Any], given: requests.Response, base: str) -> list[str]:
    found = [] if given.status_code == answer["status"] else [f"status {given.status_code}"]
    if "json" in answer:
        return found + unlike(answer["json"], given.json())
    if "location" in answer:
        return found + unlike(answer["location"].replace("{base}", base), given.headers.get("Location"))
    return found + unlike(answer["text"], given.text)


@pytest.mark.parametrize(
    ("exchange", "version"), CASES, ids=lambda part: part if isinstance(part, str) else part["name"]
)
def test_answers_as_written_down(xui_clients, exchange, version):
    xui_clients.set_version(version)
    for client in exchange["given"]:
        xui_clients.make_user(client["email"], **{name: client[name] for name in client if name != "email"})
    call = exchange["call"]
    owner = speaker(xui_clients, exchange["as"])
    if not call.get("ajax", True):
        del owner.http.headers["X-Requested-With"]
    answer = owner.call(
        call["method"], call["path"].removeprefix("/"), json=call.get("json"), data=call.get("form")
    )
    assert differences(exchange["answer"], answer, xui_clients.base_path) == []


def test_a_difference_is_noticed():
    wanted = {"a": "<text>", "b": ["<number>"], "c": {"<json>": {"d": 1}}}
    assert unlike(wanted, {"a": "x", "b": [2], "c": '{"d": 1}'}) == []
    for given in ({"a": 1}, {"b": [True]}, {"b": []}, {"c": '{"d": true}'}, {"e": None}):
        assert unlike(wanted, {"a": "x", "b": [2], "c": '{"d": 1}'} | given)
