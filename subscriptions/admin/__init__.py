"""What customers hold and which apps they use, for staff; and outages, whose acts are this room's."""

from subscriptions.admin import adopting, apps, devices, outages, rules, subscriptions

__all__ = ["adopting", "apps", "devices", "outages", "rules", "subscriptions"]
