"""What is to be done on panels for one access, and how each call of it ended."""

from dataclasses import dataclass
from datetime import datetime

from core.said import Sentence
from vpnpanel.drivers.base import Desired, Observed, Wish
from vpnpanel.errors import PanelError
from vpnpanel.models import Access, PanelAccount


@dataclass(frozen=True)
class Work:
    """One call to make: bring the account to `desired`, or remove it where that is None.

    `rotates`: the account is to have the keys of `desired.credentials`, and no others any more.
    """

    account: PanelAccount
    desired: Desired | None
    rotates: bool = False

    @property
    def wish(self) -> Wish:
        is_new = self.account.serving_at is None  # nobody was given its keys yet
        return Wish(self.account.name, self.desired, is_new=is_new, rotates=self.rotates)

    @property
    def changes_something(self) -> bool:
        """Whether the panel had to write: to be found as wanted already proves nothing."""
        account = self.account
        is_new = account.serving_at is None or account.applied_generation < account.access.generation
        return self.desired is None or self.rotates or is_new


@dataclass(frozen=True)
class Plan:
    """What to do for an access. `access` is as read at the time `at`, its generation included.

    `trouble` says why something wanted cannot be done now; empty if nothing stands in the way.
    `is_partial`: panels that are busy were left out, their turn comes. `outgoing` leave once `staying` work,
    and serve on until `serves_until`; `lingering` are those that do so already.
    """

    access: Access
    at: datetime
    works: tuple[Work, ...]
    trouble: Sentence | str
    is_partial: bool = False
    staying: tuple[PanelAccount, ...] = ()
    outgoing: tuple[PanelAccount, ...] = ()
    lingering: tuple[PanelAccount, ...] = ()
    serves_until: datetime | None = None


@dataclass(frozen=True)
class Result:
    """How one call ended: what the panel shows (None: no such account), or the error; and when."""

    work: Work
    at: datetime
    observed: Observed | None = None
    error: PanelError | None = None
