"""Questions to staff: asked once for each fact, told to those who can be reached, withdrawn when moot."""

from typing import Any

from billing.models import Decision
from core import clock
from core.rows import insert_missing
from notifications.services import tell_staff


def ask(kind: Decision.Kind, fact: str, *, details: dict[str, Any] | None = None, **about: Any) -> None:
    """Put a question on the list of what needs a decision, in the caller's transaction.

    Safe to repeat: a fact is asked about once, also after it was decided. `about` names the rows it
    concerns: customer, order, payment, refund.
    """
    decision = Decision(kind=kind, fact=f"{kind}:{fact}"[:150], details=details or {}, **about)
    if insert_missing(decision):
        tell_staff(
            "decision_waiting",
            dedupe_key=f"decision_waiting:{decision.pk}",
            context={"decision_id": decision.pk},
        )


def withdraw(kind: Decision.Kind, fact: str, *, reason: str) -> None:
    """Close a question that answered itself. Nothing to do if it is not open."""
    Decision.objects.filter(fact=f"{kind}:{fact}"[:150], state=Decision.State.OPEN).update(
        state=Decision.State.DECIDED,
        resolution="moot",
        reason=reason[:300],
        decided_by="schedule",
        decided_at=clock.now(),
    )
