"""Reads settings from the environment; a wrong or missing one is a sentence that names its key."""

import os
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(os.environ.get("ENV_FILE") or str(BASE_DIR / ".env"))


def text(key: str, default: str | None = None) -> str:
    """Return the value of `key`; without a default an empty or missing one stops start-up."""
    value = str(env.str(key, default="")).strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{key} is not set. Set it in .env; .env.example says what it is for.")
    return default


def parsed(key: str, parse: Callable[[str], T], default: str, wanted: str) -> T:
    """Return `parse(value)`, or stop start-up with a sentence that says what was wanted."""
    raw = text(key, default)
    try:
        return parse(raw)
    except (ValueError, TypeError, LookupError) as wrong:
        raise ImproperlyConfigured(f"{key} must be {wanted}, not {raw!r}.") from wrong


def flag(key: str, default: bool) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }

    def parse(raw: str) -> bool:
        if raw.lower() not in known:
            raise ValueError(raw)
        return known[raw.lower()]

    return parsed(key, parse, str(default), "true or false")


def number(key: str, default: int, *, least: int, most: int) -> int:
    def parse(raw: str) -> int:
        value = int(raw)
        if not least <= value <= most:
            raise ValueError(raw)
        return value

    return parsed(key, parse, str(default), f"a whole number from {least} to {most}")


def choice(key: str, default: str, allowed: Sequence[str]) -> str:
    value = text(key, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{key} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def items(key: str, default: str = "") -> list[str]:
    return [item.strip() for item in text(key, default).split(",") if item.strip()]


def url(key: str, default: str | None = None, schemes: Sequence[str] = ("https", "http")) -> str:
    """Return an address without a trailing slash."""
    value = text(key, default).rstrip("/")
    if value and not any(value.startswith(f"{scheme}://") for scheme in schemes):
        raise ImproperlyConfigured(
            f"{key} must be an address that starts with {' or '.join(schemes)}://, not {value!r}."
        )
    return value


def networks(key: str, default: str = "") -> list[IPv4Network | IPv6Network]:
    """Return the networks of a list such as `10.0.0.0/8, ::1`; `none` is the empty one."""

    def parse(raw: str) -> list[IPv4Network | IPv6Network]:
        return [ip_network(item.strip()) for item in raw.split(",") if item.strip() not in ("", "none")]

    return parsed(key, parse, default, "addresses or networks such as 10.0.0.0/8, separated by commas")


def database(key: str, default: str) -> dict[str, Any]:
    value = text(key, default)
    if not value.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            f"{key} must look like sqlite:///path/to/file or postgresql://user:password@host:5432/name."
        )
    return dict(env.db_url_config(value))
