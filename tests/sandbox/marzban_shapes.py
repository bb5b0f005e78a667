"""What two answers of a panel have in common once the values that must differ are masked."""

import base64
import binascii
import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

MASKS = {
    "users_usage": "counts traffic of users the recording made off the record",
    "mem_total": "the machine's",
    "mem_used": "the machine's",
    "cpu_usage": "the machine's",
    "cpu_cores": "the machine's",
    "incoming_bandwidth": "the machine's",
    "outgoing_bandwidth": "the machine's",
    "incoming_bandwidth_speed": "the machine's",
    "outgoing_bandwidth_speed": "the machine's",
    "online_users": "counts users of the whole panel, some made off the record",
    "access_token": "random",
    "subscription_url": "carries the second of the answer and a signature",
    "created_at": "the moment",
    "online_at": "the moment",
    "sub_updated_at": "the moment",
}
SHAPES = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"), "<moment>"),
    (re.compile(r"/sub/[A-Za-z0-9_-]{15,}"), "<subscription>"),
]
# Picked at random for each link by the panel itself.
PICKED = {"sni", "sid", "pbk"}
SCHEMES = ("vless://", "vmess://", "trojan://", "ss://")


def mask_text(text: str) -> str:
    for shape, name in SHAPES:
        text = shape.sub(name, text)
    return text


def mask_link(link: str) -> Any:
    """Give a link without credentials and random picks; order, names and constant values stay."""
    if link.startswith("vmess://"):
        fields = json.loads(base64.b64decode(link.removeprefix("vmess://")))
        return list(fields.items() - {("id", fields["id"])})
    parts = urlsplit(link)
    query = [(name, "*" if name in PICKED else value) for name, value in parse_qsl(parts.query, True)]
    return [parts.scheme, parts.hostname, parts.port, query, parts.fragment]


def mask(value: Any, name: str = "") -> Any:
    """Give the comparable part of an answer's value; what is masked keeps whether it is there."""
    if name == "password":
        return "*"
    if name in MASKS:
        return value is None or "*"
    if isinstance(value, dict):
        return {key: mask(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return sorted_link(value) if value.startswith(SCHEMES) else mask_text(value)


def sorted_link(link: str) -> str:
    masked = mask_link(link)
    return repr(sorted(masked) if link.startswith("vmess://") else masked)


def body_of(exchange: dict[str, Any], text: str) -> Any:
    """Give an answer's body, whatever it is: JSON, a base64 list of links, an HTML page, plain text."""
    if exchange["name"] == "sub.html":
        return "HTML page"
    if exchange["name"].startswith("sub.") and text and exchange["response"]["status"] == 200:
        try:
            return base64.b64decode(text, validate=True).decode().split("\n")
        except (binascii.Error, ValueError):
            return json.loads(text)
    try:
        return json.loads(text)
    except ValueError:
        return text


def recorded_body(exchange: dict[str, Any]) -> Any:
    body = exchange["response"]["body"]
    return body_of(exchange, body) if isinstance(body, str) else body


def keep_what_was_kept(wanted: Any, given: Any, trimmed: str | None) -> Any:
    """A trimmed recording has the first rows of a list only."""
    if trimmed and trimmed.startswith("users: first"):
        return {**given, "users": given["users"][: len(wanted["users"])]}
    return given


def differences(exchange: dict[str, Any], given: requests.Response) -> list[str]:
    wanted_body = recorded_body(exchange)
    given_body = keep_what_was_kept(wanted_body, body_of(exchange, given.text), exchange.get("trimmed"))
    found = [] if exchange["request"]["method"] == "HEAD" else unlike(mask(wanted_body), mask(given_body))
    for name, value in exchange["response"]["headers"].items():
        mine = given.headers.get(name, "missing")
        if name in ("location", "profile-web-page-url"):
            value, mine = (re.sub(r"/sub/[^/]*", "/sub/*", urlsplit(url).path) for url in (value, mine))
        if mine != value:
            found.append(f"header {name}: {mine}, recorded {value}")
    return found


def unlike(wanted: Any, given: Any, place: str = "body") -> list[str]:
    if isinstance(wanted, dict) and isinstance(given, dict):
        names = sorted(wanted.keys() | given.keys())
        return [
            line
            for name in names
            for line in unlike(wanted.get(name, "missing"), given.get(name, "missing"), f"{place}.{name}")
        ]
    if isinstance(wanted, list) and isinstance(given, list) and len(wanted) == len(given):
        return [
            line
            for i, pair in enumerate(zip(wanted, given, strict=True))
            for line in unlike(*pair, f"{place}[{i}]")
        ]
    return [] if wanted == given else [f"{place}: {given!r}, recorded {wanted!r}"]
