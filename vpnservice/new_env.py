"""Prints a .env for a new installation: .env.example with fresh keys filled in.

Usage: python -m vpnservice.new_env > .env
"""

import base64
import re
import secrets
import sys
import uuid
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"


def make_keys() -> dict[str, str]:
    """Return new random values for the settings that only need to be unguessable, or unlike any other."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "INSTALLATION_ID": str(uuid.uuid4()),
        "TELEGRAM_WEBHOOK_SECRET": secrets.token_hex(24),
        "POSTGRES_PASSWORD": secrets.token_hex(24),
    }


def known_keys() -> list[str]:
    """Return every setting there is, as .env.example documents them."""
    return re.findall(r"^#?([A-Z][A-Z_]+)=", EXAMPLE.read_text(), flags=re.MULTILINE)


def fill_in(example: str, keys: dict[str, str]) -> str:
    """Put each key's value on its line, also where the line is commented out."""
    for key, value in keys.items():
        example = re.sub(rf"^#?{key}=.*$", f"{key}={value}", example, flags=re.MULTILINE)
    return example


if __name__ == "__main__":
    sys.stdout.write(fill_in(EXAMPLE.read_text(), make_keys()))
