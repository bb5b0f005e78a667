"""Checks of request bodies, with the panel's messages: one per field, under the last part of its place."""

from __future__ import annotations

import math
import re
import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.marzban.errors import Crash, Refusal
from sandbox.marzban.state import PanelState

# A run of 3-32 word characters that ends at a word boundary, then anything of the wider set.
USERNAME = re.compile(r"^(?=\w{3,32}\b)[A-Za-z0-9_.@-]+$")
USERNAME_MESSAGE = (
    "Value error, Username only can be 3 to 32 characters and contain a-z, 0-9, and underscores in between."
)
PROTOCOLS = ("vmess", "vless", "trojan", "shadowsocks")
FLOWS = ("", "xtls-rprx-vision")
METHODS = ("aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305")
STRATEGIES = ("no_reset", "day", "week", "month", "year")
STATUSES = ("active", "disabled", "limited", "expired", "on_hold")
LARGEST_SQLITE_INTEGER = 2**63 - 1
NOTE_LENGTH = 500


class Problems(dict[str, str]):
    """Messages by field; the first one of a field stays."""

    def add(self, name: str, message: str) -> None:
        self.setdefault(name, message)

    def stop(self) -> None:
        """Raise the 422 if there is anything to say."""
        if self:
            raise Refusal(422, dict(self))


def one_of(allowed: tuple[str, ...]) -> str:
    *most, last = [repr(value) for value in allowed]
    return f"Input should be {', '.join(most)} or {last}"


def integer(problems: Problems, name: str, value: Any) -> int | None:
    """Read an integer the way the panel does: numeric text passes, a fraction does not."""
    if isinstance(value, str):
        if re.fullmatch(r"\s*[+-]?\d+\s*", value):
            return int(value)
        problems.add(name, "Input should be a valid integer, unable to parse string as an integer")
    elif isinstance(value, float) and math.isfinite(value) and not value.is_integer():
        problems.add(name, "Input should be a valid integer, got a number with a fractional part")
    elif isinstance(value, int | float) and math.isfinite(value):
        return int(value)
    else:
        problems.add(name, "Input should be a valid integer")
    return None


def choice(allowed: tuple[str, ...]) -> Callable[[Problems, str, Any], str | None]:
    def read(problems: Problems, name: str, value: Any) -> str | None:
        if isinstance(value, str) and value in allowed:
            return value
        problems.add(name, one_of(allowed))
        return None

    return read


def byte_limit(problems: Problems, name: str, value: Any) -> int | None:
    if isinstance(value, str):
        problems.add(name, f"Value error, {name} must be an integer or a float, not a string")
    elif not isinstance(value, int | float) or not math.isfinite(value):
        problems.add(name, "Input should be a valid integer")
    elif value < 0:
        problems.add(name, "Input should be greater than or equal to 0")
    else:
        return int(value)
    return None


def note(problems: Problems, name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        problems.add(name, "Input should be a valid string")
    elif len(value) > NOTE_LENGTH:
        problems.add(name, f"Value error, User's note can be a maximum of {NOTE_LENGTH} character")
    else:
        return value
    return None


def naive_moment(problems: Problems, name: str, value: Any) -> float | None:
    """Read an ISO date-time as UTC; a zone in it is dropped, not converted."""
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        problems.add(name, "Input should be a valid datetime or date, invalid character in year")
        return None


def next_plan(problems: Problems, name: str, value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        problems.add(name, "Input should be a valid dictionary or object to extract fields from")
        return None
    plan = {"data_limit": None, "expire": None, "add_remaining_traffic": False, "fire_on_either": True}
    return plan | {field: value[field] for field in plan if field in value}


READERS: dict[str, Callable[[Problems, str, Any], Any]] = {
    "expire": integer,
    "data_limit": byte_limit,
    "data_limit_reset_strategy": choice(STRATEGIES),
    "note": note,
    "on_hold_expire_duration": integer,
    "on_hold_timeout": naive_moment,
    "auto_delete_in_days": integer,
    "next_plan": next_plan,
}


def read_proxies(problems: Problems, value: Any) -> dict[str, dict[str, str]]:
    """Read the protocols with their credentials, making those that are not given."""
    if not isinstance(value, dict):
        problems.add("proxies", "Input should be a valid dictionary")
        return {}
    if not value:
        problems.add("proxies", "Value error, Each user needs at least one proxy")
    found = {}
    for protocol, settings in value.items():
        if protocol not in PROTOCOLS:
            problems.add("proxies", f"Value error, {protocol!r} is not a valid ProxyTypes")
        elif not isinstance(settings, dict):
            problems.add(protocol, "Input should be a valid dictionary")
        else:
            found[protocol] = read_credentials(problems, protocol, settings)
    return found


def read_credentials(problems: Problems, protocol: str, settings: dict[str, Any]) -> dict[str, str]:
    flow = settings.get("flow", "")
    if protocol in ("vless", "trojan") and flow not in FLOWS:
        problems.add("flow", one_of(FLOWS))
    method = settings.get("method", METHODS[-1])
    if protocol == "shadowsocks" and method not in METHODS:
        problems.add("method", one_of(METHODS))
    try:
        identity = str(uuid.UUID(str(settings.get("id") or uuid.uuid4())))
    except ValueError:
        problems.add("id", "Input should be a valid UUID")
        identity = ""
    password = str(settings.get("password") or secrets.token_urlsafe(16))
    match protocol:
        case "vmess":
            return {"id": identity}
        case "vless":
            return {"id": identity, "flow": flow}
        case "trojan":
            return {"password": password, "flow": flow}
        case _:
            return {"password": password, "method": method}


def read_inbounds(problems: Problems, value: Any, state: PanelState) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        problems.add("inbounds", "Input should be a valid dictionary")
        return {}
    found: dict[str, list[str]] = {}
    for protocol, tags in value.items():
        if protocol not in PROTOCOLS:
            problems.add(protocol, one_of(PROTOCOLS))
        elif not isinstance(tags, list):
            problems.add(protocol, "Input should be a valid list")
        else:
            found[protocol] = tags
    for tag in (tag for tags in found.values() for tag in tags):
        if not isinstance(tag, str) or tag not in state.inbounds:
            problems.add("inbounds", f"Value error, Inbound {tag} doesn't exist")
    return found


def read_fields(problems: Problems, body: dict[str, Any], state: PanelState) -> dict[str, Any]:
    """Read the fields that creating and modifying share; absent and null ones are left out."""
    given = {name: value for name, value in body.items() if value is not None}
    fields = {name: read(problems, name, given[name]) for name, read in READERS.items() if name in given}
    if "proxies" in given:
        fields["proxies"] = read_proxies(problems, given["proxies"])
    if "inbounds" in given:
        fields["inbounds"] = read_inbounds(problems, given["inbounds"], state)
    return fields


def read_new_user(body: Any, state: PanelState) -> dict[str, Any]:
    """Read the body of a create. Raises Refusal (422), or Crash for a limit too big for the database."""
    problems = Problems()
    if not isinstance(body, dict):
        raise Refusal(422, {"body": "Input should be a valid dictionary or object to extract fields from"})
    fields = read_fields(problems, body, state)
    username = body.get("username")
    if username is None:
        problems.add("username", "Field required")
    elif not isinstance(username, str) or not USERNAME.match(username):
        problems.add("username", USERNAME_MESSAGE)
    status = body.get("status", "active")
    if status not in ("active", "on_hold"):
        problems.add("status", one_of(("active", "on_hold")))
    elif status == "on_hold" and not fields.get("on_hold_expire_duration"):
        problems.add("status", "Value error, User cannot be on hold without a valid on_hold_expire_duration.")
    elif status == "on_hold" and fields.get("expire"):
        problems.add("status", "Value error, User cannot be on hold with specified expire.")
    problems.stop()
    refuse_what_the_database_cannot_hold(fields)
    return fields | {"username": username, "status": status}


def read_changes(body: Any, state: PanelState) -> dict[str, Any]:
    """Read the body of a modify. Raises as read_new_user."""
    problems = Problems()
    if not isinstance(body, dict):
        raise Refusal(422, {"body": "Input should be a valid dictionary or object to extract fields from"})
    fields = read_fields(problems, {k: v for k, v in body.items() if (k, v) != ("proxies", {})}, state)
    if (status := body.get("status")) is not None:
        allowed = ("active", "disabled", "on_hold")
        fields["status"] = choice(allowed)(problems, "status", status)
    problems.stop()
    refuse_what_the_database_cannot_hold(fields)
    return fields


def refuse_what_the_database_cannot_hold(fields: dict[str, Any]) -> None:
    for name in ("data_limit", "expire"):
        if abs(fields.get(name) or 0) > LARGEST_SQLITE_INTEGER:
            raise Crash(f"{name} does not fit into the database")
