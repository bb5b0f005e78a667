"""What giving comes to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Given (to which subscription) or refused for good (why, for staff). Anything passing is an error."""

    subscription_id: int | None = None
    refusal: str = ""
