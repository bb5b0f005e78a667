"""Outages for staff: who was concerned, telling them, giving days, and taking these back."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core import clock
from core.acts import Act, Change, ReasonForm
from core.rules import RulesAdmin
from core.staff import HistoryAdmin, column, link_to
from subscriptions import services
from subscriptions.services.outages import MOST_DAYS
from vpnpanel import services as vpnpanel
from vpnpanel.models import Outage, PanelRules

CHANGE = "vpnpanel.change_outage"
TONES = {"lasts": "danger", "over": "success"}
CREDITS = {"none": "default", "given": "info", "undone": "warning"}


class CreditForm(ReasonForm):
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=MOST_DAYS, initial=1)
    field_order = ("days", "reason")


def concerned(outage: Outage, values: dict[str, Any]) -> list[Change]:
    return [Change(_("Customers concerned"), "–", services.count_affected(outage))]


def credited(outage: Outage, values: dict[str, Any]) -> list[Change]:
    if "days" not in values:
        return []
    each = ngettext("%(days)d day each", "%(days)d days each", values["days"]) % {"days": values["days"]}
    return [*concerned(outage, values), Change(_("They get"), "–", each)]


def tell(outage: Outage, values: dict[str, Any], actor: str) -> Any:
    job = services.tell_affected(outage.pk, actor=actor)
    return _("The customers concerned are being told: job %(id)s.") % {"id": job.pk}


def credit(outage: Outage, values: dict[str, Any], actor: str) -> Any:
    job = services.credit_affected(outage.pk, days=values["days"], reason=values["reason"], actor=actor)
    return _("The days are being given: job %(id)s.") % {"id": job.pk}


def undo(outage: Outage, values: dict[str, Any], actor: str) -> Any:
    job = services.undo_credit(outage.pk, actor=actor)
    return _("The days are being taken back: job %(id)s.") % {"id": job.pk}


def settle(outage: Outage, values: dict[str, Any], actor: str) -> Any:
    vpnpanel.settle_outage(outage.pk, actor=actor)
    return _("It no longer counts as something to look at.")


ACTS = (
    Act(
        name="tell",
        title=_("Tell the customers"),
        about=_("Everybody whose only way through was this panel gets a message, in their language, once."),
        permission=CHANGE,
        run=tell,
        changes=concerned,
        is_possible=lambda outage: outage.told_at is None,
        icon="campaign",
        tone="primary",
    ),
    Act(
        name="credit",
        title=_("Give days"),
        about=_("Everybody concerned gets so many days at the end of their subscription, once, and is told."),
        permission=CHANGE,
        run=credit,
        form=CreditForm,
        changes=credited,
        is_possible=lambda outage: outage.credit == Outage.Credit.NONE,
        icon="redeem",
    ),
    Act(
        name="undo",
        title=_("Take the days back"),
        about=_("What is unused of the days given is taken back; days that have passed stay with customers."),
        permission=CHANGE,
        run=undo,
        is_possible=lambda outage: outage.credit == Outage.Credit.GIVEN,
        icon="undo",
        tone="danger",
    ),
    Act(
        name="settle",
        title=_("Nothing more to do"),
        about=_("Takes the outage off the home page. What was done stays done."),
        permission=CHANGE,
        run=settle,
        is_possible=lambda outage: outage.settled_at is None and outage.alerted_at is not None,
        icon="done_all",
    ),
)


class LengthFilter(admin.SimpleListFilter):
    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("needed", _("To look at")), ("lasting", _("Lasting now"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == "needed":
            return queryset.filter(alerted_at__isnull=False, settled_at__isnull=True)
        return queryset.filter(ended_at__isnull=True) if self.value() == "lasting" else queryset


@admin.register(Outage)
class OutageAdmin(HistoryAdmin):
    secrets = ("panel__password", "panel__token", "panel__totp_secret", "panel__webhook_secret")
    list_display = ("began_at", "panel", "state", "lasted", "told_at", "shown_credit", "short_error")
    list_filter = (LengthFilter, "panel", "began_at")
    list_select_related = ("panel",)
    fields = (
        "panel_link",
        "state",
        "lasted",
        ("began_at", "ended_at"),
        "customers_concerned",
        ("alerted_at", "settled_at"),
        ("told_at", "over_told_at"),
        ("shown_credit", "credit_days", "credit_reason"),
        "error",
    )
    readonly_fields = (
        "panel_link",
        "state",
        "lasted",
        "began_at",
        "ended_at",
        "customers_concerned",
        "alerted_at",
        "told_at",
        "over_told_at",
        "settled_at",
        "shown_credit",
        "credit_days",
        "credit_reason",
        "error",
    )
    acts = ACTS

    @column(_("panel"))
    def panel_link(self, outage: Outage) -> str:
        return link_to(outage.panel)

    @column(_("state"), tones=TONES)
    def state(self, outage: Outage) -> tuple[str, Any]:
        return ("lasts", _("Lasts")) if outage.ended_at is None else ("over", _("Over"))

    @column(_("lasted"))
    def lasted(self, outage: Outage) -> str:
        minutes, seconds = divmod(outage.seconds(clock.now()), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}"

    @column(_("customers concerned"))
    def customers_concerned(self, outage: Outage) -> int:
        return services.count_affected(outage)

    @column(_("credit"), tones=CREDITS)
    def shown_credit(self, outage: Outage) -> tuple[str, str]:
        return outage.credit, outage.get_credit_display()

    @column(_("error"))
    def short_error(self, outage: Outage) -> str:
        return str(outage.error)[:80]


@admin.register(PanelRules)
class PanelRulesAdmin(RulesAdmin):
    list_display = ("__str__", "alert_after_minutes", "grace_hours")
    fields = ("alert_after_minutes", "grace_hours")
    change_rules = staticmethod(vpnpanel.change_panel_rules)
