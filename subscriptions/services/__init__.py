"""Verbs over what customers hold. Each locks the customer, changes one customer, and may be repeated."""

from subscriptions.services.expiry import expire_due, remind_due
from subscriptions.services.grants import extend_by_staff, give, restore, revoke
from subscriptions.services.holds import ban_customer, disable, enable, unban_customer
from subscriptions.services.links import rotate_link
from subscriptions.services.trials import take_trial

__all__ = [
    "ban_customer",
    "disable",
    "enable",
    "expire_due",
    "extend_by_staff",
    "give",
    "remind_due",
    "restore",
    "revoke",
    "rotate_link",
    "take_trial",
    "unban_customer",
]
