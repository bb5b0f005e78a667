"""Orders that buy time on a subscription: a first one, or more of the one that is held."""

from billing.fulfilment.base import Outcome
from billing.models import Order
from subscriptions import services as subscriptions
from subscriptions.errors import TooFarAhead
from subscriptions.services import Terms


def start(order: Order, *, actor: str) -> Outcome:
    """Start the receiver's subscription; who got one meanwhile has it prolonged, so that one link stays."""
    try:
        subscription = subscriptions.start(
            order.receiver_id, terms=_terms(order), source=order.source, actor=actor
        )
    except TooFarAhead as refused:
        return Outcome(refusal=str(refused))
    return Outcome(subscription_id=subscription.pk)


def renew(order: Order, *, actor: str) -> Outcome:
    """Prolong the subscription the order was placed for."""
    assert order.subscription_id is not None, "a renewal knows what it renews"
    try:
        grant = subscriptions.renew(
            order.subscription_id, terms=_terms(order), source=order.source, actor=actor
        )
    except TooFarAhead as refused:
        return Outcome(refusal=str(refused))
    return Outcome(subscription_id=grant.subscription_id)


def _terms(order: Order) -> Terms:
    """The terms as they were bought: editing the plan since then changes nothing."""
    return Terms(
        plan_id=order.plan_id,
        days=order.days,
        traffic_limit=order.traffic_limit,
        devices=order.devices,
        group_ids=tuple(order.group_ids),
        conditions=order.conditions,
    )
