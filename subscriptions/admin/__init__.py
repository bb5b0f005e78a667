"""What customers hold and which apps they use, for staff; and outages, whose acts are this room's."""

from subscriptions.admin import apps, outages, rules, subscriptions

__all__ = ["apps", "outages", "rules", "subscriptions"]
