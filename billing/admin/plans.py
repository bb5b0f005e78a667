"""Plans with their prices: one page, as staff think of them (prices are this room's)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import ManyToManyField
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminDecimalFieldWidget

from accounts.services import note
from billing.models import Price
from core.staff import Inline, KeptAdmin, column, size
from subscriptions.models import Plan

GIGABYTE = 2**30


# On this page only: the same fields of orders and grants are facts, and explain nothing.
HELP = {
    "traffic_reset": _(
        "With each renewal: one amount for the days bought. Every month: the amount anew each month on the "
        "day it began; for plans longer than a month. Changing this changes nobody who has bought already."
    ),
    "carries_over": _(
        "Kept: a renewal adds its traffic at once to what is left. Not kept: bought early, it starts when "
        "the days before it are over, or when their traffic is used up; what is left then lapses."
    ),
}


class GigabytesField(forms.DecimalField):
    """A number of bytes, entered and shown as gigabytes of 2**30 bytes."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value / GIGABYTE:g}" if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        return int(super().clean(value) * GIGABYTE)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class PriceInline(Inline):
    model = Price
    extra = 0


@admin.register(Plan)
class PlanAdmin(KeptAdmin):
    formfield_overrides = {ManyToManyField: {"widget": UnfoldAdminCheckboxSelectMultipleWidget}}
    list_display = (
        "name_shown",
        "code",
        "days",
        "traffic_shown",
        "devices_shown",
        "prices_shown",
        "on_sale",
        "position",
    )
    list_filter = ("is_open", "is_trial")
    fieldsets = (
        (None, {"fields": (("code", "position"), ("name_en", "name_ru"), ("about_en", "about_ru"))}),
        (_("What it gives"), {"fields": (("days", "traffic_limit", "devices"), "groups")}),
        (
            _("Conditions"),
            {"fields": (("panel_count", "device_mode"), ("traffic_reset", "carries_over"))},
        ),
        (_("Sale"), {"fields": (("is_open", "is_trial"),)}),
    )
    inlines = (PriceInline,)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in HELP:
            kwargs["help_text"] = HELP[db_field.name]
        if db_field.name != "traffic_limit":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        help_text = _("0: no limit.")
        widget = UnfoldAdminDecimalFieldWidget
        return GigabytesField(
            label=_("Traffic, GB"), help_text=help_text, min_value=0, max_value=10**6, widget=widget
        )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("prices")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changed = {name: str(form.cleaned_data.get(name)) for name in form.changed_data}
        changed |= {
            f"price {price.instance.currency}": str(price.instance.amount)
            for formset in formsets
            for price in formset.forms
            if price.has_changed()
        }
        if changed:
            action = "plan.changed" if change else "plan.added"
            actor = request.user.get_username()
            note(None, action, actor=actor, subject=f"plan:{form.instance.code}", data=changed)

    @column(_("plan"), ordering="name_en", header=True)
    def name_shown(self, plan: Plan) -> tuple[str, str]:
        return plan.name, plan.about[:60]

    @column(_("traffic"), ordering="traffic_limit")
    def traffic_shown(self, plan: Plan) -> str:
        return size(plan.traffic_limit) if plan.traffic_limit else gettext("no limit")

    @column(_("devices"), ordering="devices")
    def devices_shown(self, plan: Plan) -> str:
        return str(plan.devices) if plan.devices else gettext("no limit")

    @column(_("prices"))
    def prices_shown(self, plan: Plan) -> str:
        return ", ".join(str(price) for price in plan.prices.all()) or gettext("free")

    @column(_("sale"), tones={"open": "success", "trial": "info", "closed": "default"})
    def on_sale(self, plan: Plan) -> tuple[str, Any]:
        if not plan.is_open:
            return "closed", _("Not on sale")
        return ("trial", _("Trial")) if plan.is_trial else ("open", _("On sale"))
