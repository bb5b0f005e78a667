"""Devices for staff: what apps told of them, and freeing a place."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.acts import Act
from core.staff import HistoryAdmin, Inline, column, link_to
from subscriptions import services
from subscriptions.models import Device

COLUMNS = ("name_shown", "system_shown", "app", "first_seen_at", "last_seen_at")


def remove(device: Device, values: dict[str, Any], actor: str) -> Any:
    services.remove_device(device.pk, actor=actor)
    return _("Removed: its place is free.")


class Described:
    """How a device is shown in lists."""

    @column(_("device"))
    def name_shown(self, device: Device) -> str:
        return device.name

    @column(_("system"))
    def system_shown(self, device: Device) -> str:
        return device.system or "–"


class DeviceInline(Described, Inline):
    model = Device
    fields = COLUMNS
    readonly_fields = COLUMNS
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Device)
class DeviceAdmin(Described, HistoryAdmin):
    secrets = ("subscription__token",)
    list_display = ("id", "name_shown", "system_shown", "app", "customer_link", "last_seen_at")
    list_filter = ("last_seen_at",)
    list_select_related = ("subscription__user",)
    customer_columns = ("subscription__user",)
    search_fields = ("=subscription__id",)
    search_help_text = _("Number of the subscription, or Telegram id")
    fields = (
        "name_shown",
        "platform",
        "os_version",
        "model",
        "app",
        "customer_link",
        "subscription_link",
        "first_seen_at",
        "last_seen_at",
    )
    readonly_fields = fields
    acts = (
        Act(
            name="remove",
            title=_("Remove"),
            about=_("Its place becomes free. If it asks again it takes one, should one be free."),
            permission="subscriptions.change_subscription",
            run=remove,
            icon="phonelink_erase",
            tone="danger",
        ),
    )

    @column(_("customer"))
    def customer_link(self, device: Device) -> str:
        return link_to(device.subscription.user)

    @column(_("subscription"))
    def subscription_link(self, device: Device) -> str:
        return link_to(device.subscription)
