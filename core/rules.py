"""Rules that staff may turn: one typed row for each room, and one page for it in the admin."""

from typing import Any, ClassVar, Protocol, TypeVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from core.staff import StaffAdmin, page_of

Rules = TypeVar("Rules", bound=Model)


class ChangeRules(Protocol):
    def __call__(self, *, actor: str, **values: Any) -> Model: ...


def read(model: type[Rules]) -> Rules:
    """Return the rules as they are now; those of a new shop until staff change them. One query."""
    return model._default_manager.first() or model()


def change(model: type[Rules], **values: Any) -> tuple[Rules, dict[str, Any]]:
    """Set rules in the caller's transaction; return row and changes. The model has a unique `only`."""
    rows = model._default_manager
    rows.bulk_create([model()], ignore_conflicts=True)
    row = rows.select_for_update().get()
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changed:
        rows.filter(pk=row.pk).update(**changed)
    return rows.get(), changed


class RulesAdmin(StaffAdmin):
    """The page of a room's rules. `change_rules` is the room's verb, which leaves a line in the trail."""

    change_rules: ClassVar[ChangeRules]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """There is one row, so the list leads to it; until it is made, to the rules of a new shop."""
        row = self.model._default_manager.first()
        if self.has_view_permission(request) and row is not None:
            return HttpResponseRedirect(page_of(row))
        if self.has_add_permission(request):
            return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add"))
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = type(self).change_rules(actor=request.user.get_username(), **form.cleaned_data).pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        may_change: bool = self.has_change_permission(request)
        return may_change and not self.model._default_manager.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
