"""An amount of traffic that may still flow: plain arithmetic, of which nothing is stored here."""

from dataclasses import dataclass


@dataclass
class Pool:
    """Sizes in bytes. `limit` is over all that ever flowed, `used` of it has; limit 0: none.

    `extra` is the part of what is left that no new start lapses.
    """

    limit: int
    extra: int
    used: int

    def __post_init__(self) -> None:
        self.extra = min(self.extra, self.left)

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)

    @property
    def is_used_up(self) -> bool:
        return bool(self.limit) and not self.left

    def kept(self, keeps: bool) -> int:
        return self.left if keeps else min(self.left, self.extra)

    def add(self, size: int) -> None:
        """Add on top, where there is a limit. What panels let through beyond it is not taken from a gift."""
        if self.limit and size:
            self.limit = max(self.limit, self.used) + size
            self.extra = min(self.extra + size, self.left)

    def take(self, size: int, *, of_extra: bool) -> int:
        """Take so much of what is left, and return how much was there. A limit never falls to 0."""
        taken = max(min(size, self.limit - max(self.used, 1)), 0)
        self.limit -= taken
        self.extra = min(max(self.extra - taken, 0) if of_extra else self.extra, self.left)
        return taken

    def put_back(self, size: int) -> None:
        """Give back what was taken; it does not lapse."""
        if self.limit:
            self.limit += size
            self.extra += size

    def renew(self, amount: int, *, keeps: bool) -> None:
        """Start anew with the amount, on top of what is kept; 0: without a limit."""
        kept = self.kept(keeps)
        self.limit, self.extra = (self.used + kept + amount, kept) if amount else (0, 0)

    def join(self, amount: int, *, kept: int) -> None:
        """Add an amount before its own time comes; until then it does not lapse. 0: no limit from now on.

        `kept` is what was left before there was no limit.
        """
        left, extra = (self.left, self.extra) if self.limit else (kept, kept)
        self.limit = self.used + left + amount if amount else 0
        self.extra = min(extra, left) + amount

    def pass_on(self, amount: int, *, keeps: bool) -> bool:
        """Let the time of an amount begin that has joined before; tell whether something lapsed."""
        kept = self.kept(keeps)
        is_less = kept < self.left
        if is_less:
            self.limit = self.used + kept
        self.extra = max(kept - amount, 0)
        return is_less

    def go_on(self, used: int) -> None:
        """Count on from here, with as much left as there was."""
        self.limit += used - self.used if self.limit else 0
        self.used = used

    def set_left(self, left: int) -> None:
        """Go back to a limit, of which so much is left."""
        self.limit, self.extra = max(self.used + left, 1), left
