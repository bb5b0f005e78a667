"""What needs staff's attention, as one value."""

from dataclasses import dataclass

from backoffice.listed import Listed


@dataclass(frozen=True, kw_only=True)
class Concern(Listed):
    """One kind of trouble. `count` 0: none; `is_grave` ones stop customers from being served."""

    key: str
    count: int
    why: str
    is_grave: bool = False
