"""The code of a second factor as the panel asks for it: six digits, SHA-1, steps of 30 s (RFC 6238)."""

import base64
import binascii
import hmac
import struct
import time

STEP_SECONDS = 30
# Too near the step's end the code would arrive in the next one, which the panel does not take.
LEAST_LEFT_SECONDS = 2.0


def fresh_code(secret: str) -> str:
    """Return a code that holds for some seconds yet, waiting for the next step if need be.

    Raises ValueError for a secret that is not base32.
    """
    left = STEP_SECONDS - time.time() % STEP_SECONDS
    if left < LEAST_LEFT_SECONDS:
        time.sleep(left)
    return code_at(secret, time.time())


def code_at(secret: str, moment: float) -> str:
    """Return the code of the step in which `moment`, in Unix seconds, lies. Raises as `fresh_code`."""
    counter = struct.pack(">Q", int(moment) // STEP_SECONDS)
    digest = hmac.digest(_key(secret), counter, "sha1")
    start = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def _key(secret: str) -> bytes:
    text = secret.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as wrong:
        raise ValueError("the secret of the second factor is not base32") from wrong
    if not key:
        raise ValueError("the secret of the second factor is empty")
    return key
