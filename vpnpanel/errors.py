"""What can be wrong with a panel. Texts are for staff."""

from core.errors import OutsideError, ShopError


class PanelError(OutsideError):
    """The panel did not do what was asked."""


class PanelDown(PanelError):
    """The panel does not answer, or answers that it cannot work now. Everything on it waits."""


class PanelRefused(PanelError):
    """The panel says no: a wrong name, inbound or right. Staff must change something first."""

    permanent = True


class AccountFailed(PanelError):
    """The panel failed at this one account; others may be well."""


class ChangeLost(AccountFailed):
    """A change got through to nothing, though the panel answers questions: it hangs, or cannot write.

    One call may be about many accounts, each of which fails by it; it is counted once.
    """

    is_counted = False


class AccountMissing(PanelError):
    """The panel has no such account."""

    permanent = True


class PanelUnfit(ShopError):
    """What was given for a panel cannot be used: the message says which value and why."""


class CannotMove(ShopError):
    """A planned move cannot be made like this: the message says why."""


class NoSuchLocation(ShopError):
    """No panel of the access's groups at that location takes it."""


class NothingHeld(ShopError):
    """What was to be decided on is decided, or settled otherwise."""


class NotForAdoption(ShopError):
    """An account in quarantine cannot be dealt with like this: the message says why."""
