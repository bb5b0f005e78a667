"""What customers hold, for staff. What moves it are the verbs of `subscriptions.services`."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core import clock
from core.acts import Act, ActForm, Change
from core.staff import HistoryAdmin, column, link_to
from subscriptions import services
from subscriptions.admin import traffic
from subscriptions.admin.devices import DeviceInline
from subscriptions.models import Conditions, Grant, Subscription, TakeBack
from subscriptions.services.grants import MOST_STAFF_DAYS
from vpnpanel.services import request_reconcile

TONES = {"active": "success", "expired": "default", "disabled": "danger"}


def shown_time(moment: Any) -> str:
    return date(timezone.localtime(moment), "DATETIME_FORMAT")


class ReasonForm(ActForm):
    reason = forms.CharField(
        label=_("Reason"), max_length=300, help_text=_("Kept in the trail; staff read it.")
    )


class ExtendForm(ReasonForm):
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=MOST_STAFF_DAYS)
    form_uuid = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    field_order = ("days", "reason", "form_uuid")


class RotateForm(ActForm):
    LINK, WITH_KEYS = "link", "keys"

    what = forms.ChoiceField(
        label=_("What is replaced"),
        widget=forms.RadioSelect,
        initial=LINK,
        choices=[
            (LINK, _("Only the link: apps that have fetched keys go on working with them")),
            (WITH_KEYS, _("The link and the keys: every device needs the new link to get through again")),
        ],
    )


def new_end(subscription: Subscription, values: dict[str, Any]) -> list[Change]:
    if "days" not in values:
        return []
    start = max(subscription.expires_at, clock.now())
    end = start + timedelta(days=values["days"])
    return [Change(_("Ends"), shown_time(subscription.expires_at), shown_time(end))]


def extend(subscription: Subscription, values: dict[str, Any], actor: str) -> str:
    grant = services.extend_by_staff(
        subscription.pk,
        days=values["days"],
        reason=values["reason"],
        form_uuid=values["form_uuid"],
        actor=actor,
    )
    said = ngettext(
        "Extended by %(days)d day. It ends %(end)s.",
        "Extended by %(days)d days. It ends %(end)s.",
        values["days"],
    )
    return said % {"days": values["days"], "end": shown_time(grant.ends_after)}


def disable(subscription: Subscription, values: dict[str, Any], actor: str) -> Any:
    services.disable(subscription.pk, reason=values["reason"], actor=actor)
    return _("Disabled. The panels follow within seconds, the bought time stays.")


def enable(subscription: Subscription, values: dict[str, Any], actor: str) -> Any:
    services.enable(subscription.pk, actor=actor)
    return _("Enabled. The panels follow within seconds.")


def rotate_link(subscription: Subscription, values: dict[str, Any], actor: str) -> Any:
    with_keys = values["what"] == RotateForm.WITH_KEYS
    services.rotate_link(subscription.pk, actor=actor, keys=with_keys)
    if with_keys:
        return _("The customer has a new link; the old keys are taken off the panels now.")
    return _("The customer has a new link; the old one answers nothing from now on.")


def reconcile(subscription: Subscription, values: dict[str, Any], actor: str) -> Any:
    request_reconcile([subscription.access_id])
    return _("The access is compared with its panels now.")


def forget_devices(subscription: Subscription, values: dict[str, Any], actor: str) -> str:
    freed = services.forget_devices(subscription.pk, actor=actor)
    said = ngettext("%(freed)d place is free now.", "%(freed)d places are free now.", freed)
    return said % {"freed": freed}


CHANGE = "subscriptions.change_subscription"
ACTS = (
    Act(
        name="extend",
        title=_("Extend"),
        about=_("Days are added after the end, or from now if it is over."),
        permission=CHANGE,
        run=extend,
        form=ExtendForm,
        changes=new_end,
        icon="more_time",
        tone="primary",
    ),
    Act(
        name="reconcile",
        title=_("Reconcile now"),
        about=_("Compare the access with its panels and repair what differs."),
        permission=CHANGE,
        run=reconcile,
        icon="sync",
        is_harmless=True,
    ),
    Act(
        name="rotate-link",
        title=_("New link"),
        about=_("The customer gets a new link and is told; the old one stops working in their app."),
        permission=CHANGE,
        run=rotate_link,
        form=RotateForm,
        icon="link",
    ),
    traffic.CHANGE_LIMIT,
    Act(
        name="forget-devices",
        title=_("Free all devices"),
        about=_("Every device takes its place anew when its app next asks, first come first served."),
        permission=CHANGE,
        run=forget_devices,
        is_possible=lambda subscription: subscription.device_mode != Conditions.DeviceMode.OFF,
        icon="phonelink_erase",
    ),
    Act(
        name="disable",
        title=_("Disable"),
        about=_("The customer is cut off until you enable it again. The bought time goes on running."),
        permission=CHANGE,
        run=disable,
        form=ReasonForm,
        is_possible=lambda subscription: not subscription.is_disabled,
        icon="block",
        tone="danger",
    ),
    Act(
        name="enable",
        title=_("Enable"),
        about=_("The customer gets through again for what is left of the time."),
        permission=CHANGE,
        run=enable,
        is_possible=lambda subscription: subscription.is_disabled,
        icon="check_circle",
        tone="primary",
    ),
)


class ConnectedFilter(admin.SimpleListFilter):
    title = _("connected")
    parameter_name = "connected"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("never", _("Paid but never connected")), ("yes", _("Fetched by an app"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Subscription]") -> "QuerySet[Subscription]":
        if self.value() == "never":
            return queryset.filter(pk__in=services.never_connected(clock.now()).values("pk"))
        return queryset.filter(first_fetched_at__isnull=False) if self.value() == "yes" else queryset


@admin.register(Subscription)
class SubscriptionAdmin(HistoryAdmin):
    secrets = ("token",)
    list_display = ("id", "customer_link", "plan", "shown_state", "expires_at", "access_link", "created_at")
    list_filter = (ConnectedFilter, "state", "is_disabled", "plan", "expires_at")
    list_select_related = ("user", "plan", "access")
    search_fields = ("=id",)
    customer_columns = ("user",)
    search_help_text = _("Number or Telegram id")
    fields = (
        "customer_link",
        "plan",
        "shown_state",
        "expires_at",
        "is_disabled",
        "disabled_reason",
        "used_of_limit",
        "limit_of_their_own",
        "resets_at",
        "days_chart",
        "access_link",
        "device_mode",
        "first_fetched_at",
        "last_fetched_at",
        "last_app",
        "created_at",
    )
    readonly_fields = fields
    inlines = (DeviceInline,)
    acts = ACTS

    @column(_("customer"))
    def customer_link(self, subscription: Subscription) -> str:
        return link_to(subscription.user)

    @column(_("traffic"))
    def used_of_limit(self, subscription: Subscription) -> str:
        return traffic.shown_traffic(subscription)

    @column(_("limit of their own"))
    def limit_of_their_own(self, subscription: Subscription) -> str:
        return traffic.own_limit(subscription.own_limit)

    @column(_("traffic by day"))
    def days_chart(self, subscription: Subscription) -> str:
        return traffic.shown_days(subscription)

    @column(_("access"))
    def access_link(self, subscription: Subscription) -> str:
        return link_to(subscription.access)

    @column(_("state"), tones=TONES, ordering="state")
    def shown_state(self, subscription: Subscription) -> tuple[str, Any]:
        if subscription.is_disabled:
            return "disabled", _("Disabled")
        return subscription.state, subscription.get_state_display()


@admin.register(Grant)
class GrantAdmin(HistoryAdmin):
    secrets = ("subscription__token",)
    list_display = (
        "id",
        "source",
        "customer_link",
        "days",
        "actor",
        "reason",
        "ends_after",
        "created_at",
    )
    list_filter = ("created_at",)
    list_select_related = ("subscription__user",)
    search_fields = ("=source",)
    search_help_text = _("Source")
    fields = (
        "source",
        "customer_link",
        "subscription_link",
        "days",
        "traffic",
        "began_at",
        "devices",
        "plan",
        "reason",
        "actor",
        "ends_before",
        "ends_after",
        "created_at",
    )
    readonly_fields = fields

    @column(_("customer"))
    def customer_link(self, grant: Grant) -> str:
        return link_to(grant.subscription.user)

    @column(_("subscription"))
    def subscription_link(self, grant: Grant) -> str:
        return link_to(grant.subscription)

    @column(_("days"), ordering="seconds")
    def days(self, grant: Grant) -> str:
        return format_html("{}", f"{grant.seconds / clock.DAY.total_seconds():g}")


@admin.register(TakeBack)
class TakeBackAdmin(HistoryAdmin):
    secrets = ("grant__subscription__token",)
    list_display = ("id", "by", "customer_link", "days", "shown_state", "actor", "reason", "taken_at")
    list_filter = ("state", "taken_at")
    list_select_related = ("grant__subscription__user",)
    search_fields = ("=by",)
    search_help_text = _("What for")
    fields = (
        "by",
        "customer_link",
        "grant_link",
        "days",
        "traffic",
        "devices",
        "is_whole",
        "shown_state",
        "reason",
        "actor",
        "ends_before",
        "ends_after",
        "taken_at",
        "given_back_at",
    )
    readonly_fields = fields

    @column(_("customer"))
    def customer_link(self, row: TakeBack) -> str:
        return link_to(row.grant.subscription.user)

    @column(_("grant"))
    def grant_link(self, row: TakeBack) -> str:
        return link_to(row.grant)

    @column(_("days"), ordering="seconds")
    def days(self, row: TakeBack) -> str:
        return format_html("{}", f"{row.seconds / clock.DAY.total_seconds():g}")

    @column(_("state"), tones={"taken": "warning", "given_back": "success"})
    def shown_state(self, row: TakeBack) -> tuple[str, str]:
        return row.state, row.get_state_display()
