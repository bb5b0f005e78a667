"""The shop's rules for money: one row, changed by a verb that leaves a line in the trail."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from billing.models import BillingRules
from billing.services.rules import change_rules
from core.staff import StaffAdmin, page_of


@admin.register(BillingRules)
class BillingRulesAdmin(StaffAdmin):
    list_display = ("__str__", "refund_days", "extra_money")
    fields = ("refund_days", "extra_money")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """There is one row, so the list leads to it; until it is made, to the rules of a new shop."""
        row = BillingRules.objects.first()
        if self.has_view_permission(request) and row is not None:
            return HttpResponseRedirect(page_of(row))
        if self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:billing_billingrules_add"))
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: BillingRules, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in self.fields}
        obj.pk = change_rules(actor=request.user.get_username(), **values).pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        may_change: bool = self.has_change_permission(request)
        return may_change and not BillingRules.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
