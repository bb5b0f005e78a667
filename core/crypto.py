"""Secrets at rest: encrypted columns with rotating keys, and keyed hashes for look-ups."""

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    TextColumn = models.TextField[str, str]
else:
    TextColumn = models.TextField


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the text behind `token`. Raises ImproperlyConfigured if no key in ENCRYPTION_KEYS fits."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as wrong:
        raise ImproperlyConfigured(
            "ENCRYPTION_KEYS has no key that decrypts what the database holds."
        ) from wrong


def keyed_hash(purpose: str, text: str) -> str:
    """Return a hash that cannot be made without our secret; `purpose` keeps uses apart.

    Keyed by SECRET_KEY, so changing SECRET_KEY makes every stored hash unfindable.
    """
    key = hashlib.sha256(f"{purpose}:{settings.SECRET_KEY}".encode()).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class EncryptedTextField(TextColumn):
    """A text that is encrypted in the database and plain in Python. Cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(value) if value else value

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return decrypt(value) if value else value
