"""What can be turned while the stand-in runs: how payments, refunds and notifications behave."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

CHOICES = {
    "refund": ("succeeded", "pending", "canceled"),
    "charge": ("succeeded", "pending", "canceled"),
    "receipt": ("succeeded", "pending", "canceled"),
}
SHARES = ("autopay_decline", "duplicate", "drop")


@dataclass
class Knobs:
    """All times are seconds, all shares 0..1. What is None is off."""

    # Payments decide themselves this long after they were made; a share of them is declined.
    autopay_after: float | None = None
    autopay_decline: float = 0.0
    # Create calls return only when the notifications of the payment they made have been tried.
    notify_first: bool = False
    pay_window: float = 3600.0
    # How the next refunds, charges of saved methods and receipts end, and why they fail.
    refund: str = "succeeded"
    refund_after: float | None = None
    refund_reason: str = "insufficient_funds"
    charge: str = "succeeded"
    charge_reason: str = "insufficient_funds"
    receipt: str = "succeeded"
    receipt_after: float = 1.0
    # Whether payers who are asked to save their method do so.
    saving: bool = True
    # Notifications: a share comes again (so many copies at once), or never; all come late, so many shuffled.
    duplicate: float = 0.0
    copies: int = 1
    drop: float = 0.0
    delay: float = 0.0
    reorder: int = 0
    speedup: float = 1.0
    headers: dict[str, str] = field(default_factory=dict)

    def turn(self, wish: dict[str, Any]) -> None:
        """Take over what `wish` names, all of it or nothing.

        Raises ValueError if a name is unknown or a value out of range.
        """
        known = {each.name for each in fields(self)}
        for name, value in wish.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}")
            self._check(name, value)
        for name, value in wish.items():
            setattr(self, name, value)

    def _check(self, name: str, value: Any) -> None:
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}")
        usual = getattr(Knobs(), name)
        if isinstance(usual, bool | str | dict):
            right = isinstance(value, type(usual))
        else:
            may_be_off = value is None and usual is None
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            right = may_be_off or (is_number and value >= 0)
        if not right or (name in SHARES and value > 1) or (name == "speedup" and value <= 0):
            raise ValueError(f"{name} has a wrong value")

    def dump(self) -> dict[str, Any]:
        return asdict(self)
