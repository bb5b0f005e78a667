"""The shop's rules for money."""

from django.contrib import admin

from billing.models import BillingRules
from billing.services.rules import change_rules
from core.rules import RulesAdmin


@admin.register(BillingRules)
class BillingRulesAdmin(RulesAdmin):
    list_display = ("__str__", "refund_days", "extra_money")
    fields = ("refund_days", "extra_money")
    change_rules = staticmethod(change_rules)
