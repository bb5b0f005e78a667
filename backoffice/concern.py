"""What needs staff's attention, as one value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Concern:
    """One kind of trouble. `count` 0: none; `is_grave` ones stop customers from being served."""

    key: str
    title: str
    count: int
    why: str
    url: str
    permission: str
    icon: str
    is_grave: bool = False
