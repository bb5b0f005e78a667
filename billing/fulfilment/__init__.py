"""How each kind of order is given. A new kind is one function and one entry in KINDS.

A function gives what was bought in the caller's transaction, safe to repeat by `order.source`, and returns
the outcome: given, or refused for good. It raises whatever may pass: then it is called again.
"""

from collections.abc import Callable

from billing.fulfilment import access
from billing.fulfilment.base import Outcome
from billing.models import Order

__all__ = ["KINDS", "Outcome", "fulfil"]

KINDS: dict[str, Callable[..., Outcome]] = {
    Order.Kind.NEW: access.start,
    Order.Kind.RENEWAL: access.renew,
}


def fulfil(order: Order, *, actor: str) -> Outcome:
    """Give what the order bought."""
    return KINDS[order.kind](order, actor=actor)
