"""The shop's rules for money: one row, changed by a verb that leaves a line in the trail."""

from typing import Any

from django.contrib import admin

from billing.models import BillingRules
from billing.services.rules import change_rules
from core.one_row import OneRowAdmin


@admin.register(BillingRules)
class BillingRulesAdmin(OneRowAdmin):
    list_display = ("__str__", "refund_days", "extra_money")
    fields = ("refund_days", "extra_money")

    def change(self, *, actor: str, **values: Any) -> BillingRules:
        return change_rules(actor=actor, **values)
