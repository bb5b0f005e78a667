"""What customers hold and which apps they use, for staff."""

from subscriptions.admin import apps, subscriptions

__all__ = ["apps", "subscriptions"]
