"""What the clients of one account are called, one on each inbound: a name is unique on a panel."""

import re
from hashlib import sha256

# So begin the names of accounts that some shop made.
_MADE = re.compile(r"[0-9a-f]{6}_")
_PART = re.compile(r"(.+)-i(\d{1,9})(?:-[0-9a-f]{8})?")


def is_taken_over(name: str) -> bool:
    """Tell whether an account has the name that an operator gave it."""
    return _MADE.match(name.lower()) is None


def part_of(name: str, inbound_id: int) -> str:
    """Return what the account's client on that inbound is called.

    Beside an account that was taken over somebody else may have a client called so by chance: what the shop
    adds to it gets a name that nobody would choose.
    """
    plain = f"{name}-i{inbound_id}"
    return f"{plain}-{sha256(plain.lower().encode()).hexdigest()[:8]}" if is_taken_over(name) else plain


def whole_of(part: str) -> tuple[str, int] | None:
    """Return the account and the inbound whose client would be called so; None if none would."""
    match = _PART.fullmatch(part)
    if match is None or part_of(match[1], int(match[2])).lower() != part.lower():
        return None
    return match[1], int(match[2])
