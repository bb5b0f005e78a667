"""Moves under way: whose turn it is, and what that takes on panels, in turns."""

import time

from vpnpanel.reconciler import reconcile_due
from vpnpanel.services import moves

BUDGET_SECONDS = 20.0


def work_moves(budget_seconds: float = BUDGET_SECONDS) -> int:
    """Take the moves that run forward for about `budget_seconds`; return how many customers are under way.

    May run at once in several processes and be cut off anywhere.
    """
    give_up_at = time.monotonic() + budget_seconds
    while under_way := moves.take_forward():
        left = give_up_at - time.monotonic()
        if left <= 0 or not reconcile_due(budget_seconds=min(left, 5.0)):
            return under_way
    return 0
