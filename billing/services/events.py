"""The line of what happened to a payment."""

from typing import Any

from billing.models import Payment, PaymentEvent

Kind = PaymentEvent.Kind


def note_event(
    payment: Payment,
    kind: PaymentEvent.Kind,
    *,
    text: str = "",
    data: dict[str, Any] | None = None,
    actor: str,
) -> None:
    """Add a line to the payment's timeline. `data` must be redacted already."""
    PaymentEvent.objects.create(payment=payment, kind=kind, text=text[:300], data=data or {}, actor=actor)
