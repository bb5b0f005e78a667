"""The secret in a customer's link."""

import hashlib
import secrets

TOKEN_BYTES = 24  # 192 bits: beyond guessing, and short enough for an easy QR code


def fresh_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> str:
    """Return what a token is found by.

    Not keyed with SECRET_KEY: rotating that key must not kill links that stand in customers' apps. A token is
    random and long, so that its plain hash gives nothing away.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
