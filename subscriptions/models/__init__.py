"""What customers hold, on which terms, and the grants that moved its end."""

from subscriptions.models.grants import Grant, TakeBack
from subscriptions.models.plans import MOST_DAYS, Conditions, Plan
from subscriptions.models.subscriptions import Subscription, TrialUse

__all__ = ["MOST_DAYS", "Conditions", "Grant", "Plan", "Subscription", "TakeBack", "TrialUse"]
