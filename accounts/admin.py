"""The trail and the roles of staff. Customers and staff themselves stand in the back office."""

from django.contrib import admin
from django.contrib.auth.models import Group
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent
from core.staff import HistoryAdmin, StaffAdmin, column, link_to

admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(StaffAdmin):
    list_display = ("name",)
    search_fields = ("name",)
    filter_horizontal = ("permissions",)
    ordering = ("name",)


@admin.register(AuditEvent)
class AuditEventAdmin(HistoryAdmin):
    list_display = ("created_at", "action", "customer_link", "subject", "actor", "details")
    list_filter = ("created_at",)
    list_select_related = ("customer",)
    search_fields = ("=subject",)
    customer_columns = ("customer",)
    search_help_text = _("Subject (as subscription:12) or Telegram id")
    fields = ("created_at", "action", "customer_link", "subject", "actor", "details")
    readonly_fields = fields

    @column(_("customer"))
    def customer_link(self, event: AuditEvent) -> str:
        return link_to(event.customer)

    @column(_("details"))
    def details(self, event: AuditEvent) -> str:
        given = [(name, value) for name, value in event.data.items() if value not in ("", None)]
        return format_html_join(" · ", '<span class="bo-quiet">{}</span> {}', given) or "–"
