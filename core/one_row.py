"""The admin of rules that are one typed row: its list leads to the row, and a verb changes it."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from core.staff import StaffAdmin, page_of


class OneRowAdmin(StaffAdmin):
    """Rules of a room. `change` is the verb that sets them: it takes the actor and the values by name."""

    def change(self, *, actor: str, **values: Any) -> Model:
        raise NotImplementedError

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """There is one row, so the list leads to it; until it is made, to the rules of a new shop."""
        row = self.model._default_manager.first()
        if self.has_view_permission(request) and row is not None:
            return HttpResponseRedirect(page_of(row))
        if self.has_add_permission(request):
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_add"
            return HttpResponseRedirect(reverse(name))
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.cleaned_data}
        obj.pk = self.change(actor=request.user.get_username(), **values).pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        may_change: bool = self.has_change_permission(request)
        return may_change and not self.model._default_manager.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
