"""Payment providers. A new one is one package, its entries here, and its line in the contract tests."""

from importlib import import_module
from types import ModuleType
from typing import Any

from django.utils.module_loading import import_string

from billing.providers.base import READ_SECONDS, Credentials

KINDS: dict[str, str] = {"yookassa": "billing.providers.yookassa.adapter.YooKassa"}
REASONS: dict[str, str] = {"yookassa": "billing.providers.yookassa.reasons"}


def connect(kind: str, credentials: Credentials, *, read_seconds: float = READ_SECONDS) -> Any:
    """Return the provider of that kind for one account. Not shared between threads; nothing is called yet."""
    return import_string(KINDS[kind])(credentials, read_seconds=read_seconds)


def reasons_of(kind: str) -> ModuleType | None:
    """Return the words of that kind for what failed: PAYMENTS, REFUNDS, and one for all others of each."""
    return import_module(REASONS[kind]) if kind in REASONS else None
