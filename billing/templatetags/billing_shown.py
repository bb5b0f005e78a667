"""Money and its states in the templates of the back office."""

from decimal import Decimal

from django import template
from django.utils.safestring import SafeString

from billing.models import Order, Payment, Refund
from billing.shown import ORDER_TONES, PAYMENT_TONES, REFUND_TONES, amount_of
from core.actors import who
from core.badges import badge

register = template.Library()


@register.filter
def amount(value: Decimal | None, currency: str) -> str:
    return amount_of(value, currency)


@register.filter
def state(row: Order | Payment | Refund) -> SafeString:
    """Return the state of an order, a payment or a refund as a badge."""
    return badge(TONES[type(row)].get(row.state, ""), row.get_state_display())


@register.filter(name="who")
def shown_actor(actor: str) -> str:
    return who(actor)


TONES = {Order: ORDER_TONES, Payment: PAYMENT_TONES, Refund: REFUND_TONES}
