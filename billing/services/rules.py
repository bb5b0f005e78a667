"""The shop's rules for money."""

from typing import Any

from django.db import transaction

from accounts import services as accounts
from billing.models import BillingRules
from core import rules as one_row


def rules() -> BillingRules:
    """Return the rules as they are now; those of a new shop until staff change them. One query."""
    return one_row.read(BillingRules)


@transaction.atomic
def change_rules(*, actor: str, **values: Any) -> BillingRules:
    """Set rules, with a line in the trail of what changed."""
    row, changed = one_row.change(BillingRules, **values)
    if changed:
        said = {name: str(value) for name, value in changed.items()}
        accounts.note(None, "billing_rules.changed", actor=actor, data=said)
    return row
