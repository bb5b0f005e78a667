"""What is to be done for one account, and what stood in the way."""

from dataclasses import dataclass

from vpnpanel.drivers.base import Wish
from vpnpanel.drivers.xui.envelope import AnswerLost, NameTaken, may_try_again
from vpnpanel.errors import PanelDown, PanelError, PanelRefused

# A write is repeated once if the panel does not show it.
ROUNDS = 2


@dataclass
class Errand:
    """What is wished for one account. `may_make`: one that is missing is made.

    `problem` is what went wrong with its own writes, `put_off` what kept them from being made, or made for
    anybody; `unreadable` is why the panel could not show it.
    """

    wish: Wish
    may_make: bool = True
    problem: PanelError | None = None
    put_off: PanelError | None = None
    unreadable: PanelError | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the panel said no, so that there is nothing to read back."""
        return isinstance(self.problem, PanelRefused) and not isinstance(self.problem, NameTaken)

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be written now: what failed may still be under way in the panel."""
        if self.problem is not None and not may_try_again(self.problem):
            return True
        return self.unreadable is not None

    @property
    def trouble(self) -> PanelError | None:
        return self.problem or self.put_off

    def note(self, failed: PanelError) -> None:
        """Keep what went wrong; what may not be tried again outweighs what may."""
        if self.problem is None or may_try_again(self.problem):
            self.problem = failed


def keeps_us_waiting(failed: PanelError) -> bool:
    """Tell a panel that hangs or says it cannot work now from a connection that broke at once."""
    return isinstance(failed, PanelDown) and not (isinstance(failed, AnswerLost) and failed.was_quick)
