"""The shop's rules for links: one row, changed by a verb that leaves a line in the trail."""

from typing import Any

from django.contrib import admin

from core.one_row import OneRowAdmin
from subscriptions.models import SubscriptionRules
from subscriptions.services import change_rules


@admin.register(SubscriptionRules)
class SubscriptionRulesAdmin(OneRowAdmin):
    list_display = ("__str__", "update_hours", "fetches_per_minute")
    fields = ("update_hours", "announce_en", "announce_ru", "fetches_per_minute")

    def change(self, *, actor: str, **values: Any) -> SubscriptionRules:
        return change_rules(actor=actor, **values)
