"""Staff, and the customers' pages."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as PasswordAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.services import note
from backoffice.customers import CustomerAdmin
from backoffice.documents import ConsentAdmin, DocumentAdmin
from backoffice.models import Staff
from core.acts import Base

__all__ = ["ConsentAdmin", "CustomerAdmin", "DocumentAdmin", "StaffAdmin"]
POWERS = ("is_superuser", "groups", "user_permissions")


@admin.register(Staff)
class StaffAdmin(PasswordAdmin, Base):  # type: ignore[type-arg]
    """Sign-in names and roles. Only a superuser hands out powers, or touches another superuser."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_superuser", "is_active", "last_login")
    list_filter = ("is_superuser", "is_active")
    search_fields = ("username", "first_name", "last_name")
    ordering = ("username",)
    filter_horizontal = ("groups", "user_permissions")
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": (("first_name", "last_name"), "language")}),
        (_("Powers"), {"fields": (("is_active", "is_staff", "is_superuser"), "groups", "user_permissions")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("username", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Staff]:
        people: QuerySet[Staff] = super().get_queryset(request).filter(is_staff=True)
        return people

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "username" in form.base_fields:
            form.base_fields["username"].required = True  # without it nobody can sign in
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if request.user.is_superuser else POWERS

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what they did stays with their name: take the right to sign in instead

    def save_model(self, request: HttpRequest, obj: Staff, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True
        super().save_model(request, obj, form, change)
        action = "staff.changed" if change else "staff.added"
        data = {
            "name": obj.username,
            "fields": [name for name in form.changed_data if "password" not in name],
        }
        note(None, action, actor=request.user.get_username(), subject=f"staff:{obj.pk}", data=data)
