"""The shop's rules for what apps fetch."""

from typing import Any

from django.db import transaction

from accounts import services as accounts
from subscriptions.models import SubscriptionRules


@transaction.atomic
def change_rules(*, actor: str, **values: Any) -> SubscriptionRules:
    """Set rules, with a line in the trail of what changed. Safe to repeat."""
    SubscriptionRules.objects.bulk_create([SubscriptionRules()], ignore_conflicts=True)
    row = SubscriptionRules.objects.select_for_update().get()
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changed:
        SubscriptionRules.objects.filter(pk=row.pk).update(**changed)
        said = {name: str(value) for name, value in changed.items()}
        accounts.note(None, "subscription_rules.changed", actor=actor, data=said)
    return SubscriptionRules.objects.get()
