"""The shop's rules for what apps fetch."""

from django.contrib import admin

from core.rules import RulesAdmin
from subscriptions.models import SubscriptionRules
from subscriptions.services import change_rules


@admin.register(SubscriptionRules)
class SubscriptionRulesAdmin(RulesAdmin):
    list_display = ("__str__", "update_hours", "fetches_per_minute")
    fields = ("update_hours", "announce_en", "announce_ru", "fetches_per_minute", "device_removals")
    change_rules = staticmethod(change_rules)
