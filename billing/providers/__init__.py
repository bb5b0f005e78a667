"""Payment providers. A new one is one module, one entry in KINDS, and one class of contract tests."""

from typing import Any

from django.utils.module_loading import import_string

from billing.providers.base import Credentials

KINDS: dict[str, str] = {"yookassa": "billing.providers.yookassa.YooKassa"}


def connect(kind: str, credentials: Credentials) -> Any:
    """Return the provider of that kind for one account. Not shared between threads."""
    return import_string(KINDS[kind])(credentials)
