"""What customers hold and which apps they use, for staff."""

from subscriptions.admin import apps, rules, subscriptions

__all__ = ["apps", "rules", "subscriptions"]
