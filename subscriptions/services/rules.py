"""The shop's rules for what apps fetch."""

from typing import Any

from django.db import transaction

from accounts import services as accounts
from core import rules
from subscriptions.models import SubscriptionRules


@transaction.atomic
def change_rules(*, actor: str, **values: Any) -> SubscriptionRules:
    """Set rules, with a line in the trail of what changed. Safe to repeat."""
    row, changed = rules.change(SubscriptionRules, **values)
    if changed:
        said = {name: str(value) for name, value in changed.items()}
        accounts.note(None, "subscription_rules.changed", actor=actor, data=said)
    return row


def update_hours() -> int:
    """Return after how many hours apps are advised to fetch the link again."""
    return rules.read(SubscriptionRules).update_hours
