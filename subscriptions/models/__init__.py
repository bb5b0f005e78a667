"""What customers hold, on which terms, and the grants that moved its end."""

from subscriptions.models.apps import AppPlace, ClientApp, Platform
from subscriptions.models.devices import Device
from subscriptions.models.grants import Grant, TakeBack
from subscriptions.models.plans import MOST_DAYS, Conditions, Plan
from subscriptions.models.rules import SubscriptionRules
from subscriptions.models.subscriptions import Subscription, TrialUse

__all__ = [
    "MOST_DAYS",
    "AppPlace",
    "ClientApp",
    "Conditions",
    "Device",
    "Grant",
    "Plan",
    "Platform",
    "Subscription",
    "SubscriptionRules",
    "TakeBack",
    "TrialUse",
]
