"""The shop's rules for money."""

from typing import Any

from django.db import transaction

from accounts import services as accounts
from billing.models import BillingRules


def rules() -> BillingRules:
    """Return the rules as they are now; those of a new shop until staff change them. One query."""
    return BillingRules.objects.first() or BillingRules()


@transaction.atomic
def change_rules(*, actor: str, **values: Any) -> BillingRules:
    """Set rules, with a line in the trail of what changed."""
    BillingRules.objects.bulk_create([BillingRules()], ignore_conflicts=True)
    row = BillingRules.objects.select_for_update().get()
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changed:
        BillingRules.objects.filter(pk=row.pk).update(**changed)
        said = {name: str(value) for name, value in changed.items()}
        accounts.note(None, "billing_rules.changed", actor=actor, data=said)
    return BillingRules.objects.get()
