"""The ways a panel says no."""

from __future__ import annotations

WRONG = "Something went wrong"
OBTAIN = "Obtain"
TRAFFICS = "Error getting traffics."
MISSING = "record not found"
LOCKED = "database is locked"
# Texts of the database, not the panel's own, stand in the brackets without a line's end.
WITHOUT_LINE_END = {MISSING, LOCKED}


class Failure(Exception):
    """An answer of 200 with success false: a title that is translated, and the cause, which is not."""

    def __init__(self, error: str, title: str = WRONG) -> None:
        super().__init__(error)
        self.title = title
        self.error = error if error in WITHOUT_LINE_END or error.startswith("json:") else f"{error}\n"


class Missing(Failure):
    """No such inbound or client."""

    def __init__(self, title: str = WRONG) -> None:
        super().__init__(MISSING, title)


class Crash(Exception):
    """A failure the panel recovers from: 500 and an empty body."""


class Denied(Exception):
    """An answer outside the envelope, mostly with an empty body."""

    def __init__(self, status: int, body: str = "", kind: str = "text/plain", location: str = "") -> None:
        super().__init__(status)
        self.status, self.body, self.kind, self.location = status, body, kind, location
