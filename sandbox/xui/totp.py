"""Codes of a second factor (RFC 6238: SHA-1, six digits, steps of 30 seconds)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
import time

STEP_SECONDS = 30


def code_at(secret: str, moment: float) -> str:
    """Give the code of a moment (Unix seconds) for a base32 secret. Raises ValueError."""
    padded = secret.strip().upper() + "=" * (-len(secret.strip()) % 8)
    try:
        key = base64.b32decode(padded)
    except binascii.Error as error:
        raise ValueError("the second factor's secret is not base32") from error
    mac = hmac.new(key, struct.pack(">Q", int(moment // STEP_SECONDS)), hashlib.sha1).digest()
    start = mac[-1] & 0x0F
    number = struct.unpack(">I", mac[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def is_code(secret: str, code: object) -> bool:
    """Whether it is the code of this very step; the panel forgives no drift.

    By the computer's clock, not the stand-in's: a caller knows no other.
    """
    return hmac.compare_digest(code_at(secret, time.time()).encode(), str(code or "").encode())
