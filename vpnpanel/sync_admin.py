"""Full syncs for staff: each run, what it found, what waits for their approval, and the quarantine."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.acts import Act, ActForm, Change
from core.staff import HistoryAdmin, column, link_to, page_of, under_way
from vpnpanel.models import Access, Panel, StrayAccount, SyncFinding, SyncRun
from vpnpanel.services import findings, strays
from vpnpanel.wording import difference_words, field_word, value_word

BREAK = mark_safe("<br>")
DECIDE, QUARANTINE = "vpnpanel.change_syncfinding", "vpnpanel.change_strayaccount"
FINDINGS = {
    "applied": "info", "held": "warning", "approved": "success",
    "dismissed": "default", "overtaken": "default", "noted": "default",
}  # fmt: skip
STRAYS = {
    "open": "warning", "adopted": "success", "ignored": "default",
    "removing": "info", "removed": "default", "gone": "default",
}  # fmt: skip


@admin.register(SyncRun)
class SyncRunAdmin(HistoryAdmin):
    list_display = (
        "started_at",
        "panel_link",
        "lasted",
        "calls",
        "accounts",
        "drifted",
        "missing",
        "returned",
        "held",
        "strays",
        "foreign",
        "error",
    )
    list_filter = ("panel", "started_at")
    list_select_related = ("panel",)
    secrets = ("panel__password", "panel__token", "panel__totp_secret", "panel__webhook_secret")
    fields = (
        "started_at",
        "finished_at",
        "lasted",
        "panel_link",
        "calls",
        ("accounts", "foreign", "strays"),
        ("drifted", "missing", "returned"),
        ("held", "relimited", "unreadable"),
        "findings_link",
        "findings_left_out",
        "error",
    )
    readonly_fields = (
        *(name for name in list_display if name != "lasted"),
        "lasted",
        "finished_at",
        "relimited",
        "unreadable",
        "findings_link",
        "findings_left_out",
    )

    @column(_("panel"), ordering="panel")
    def panel_link(self, run: SyncRun) -> str:
        return link_to(run.panel)

    @column(_("duration"))
    def lasted(self, run: SyncRun) -> str:
        return gettext("%(seconds).1f s") % {"seconds": run.duration.total_seconds()}

    @column(_("findings"))
    def findings_link(self, run: SyncRun) -> str:
        address = f"{page_of(SyncFinding)}?run__id__exact={run.pk}"
        return format_html('<a class="bo-link" href="{}">{}</a>', address, gettext("Show them"))


def approve(finding: SyncFinding, values: dict[str, Any], actor: str) -> Any:
    findings.approve(finding.pk, actor=actor)
    return _("Approved: the account gets what the shop wants within seconds.")


def dismiss(finding: SyncFinding, values: dict[str, Any], actor: str) -> Any:
    findings.dismiss(finding.pk, actor=actor)
    return _("The account stays as the panel shows it, until the customer's terms change.")


def approve_all(subject: None, values: dict[str, Any], actor: str) -> Any:
    done = findings.approve_all(int(values["panel"]), actor=actor)
    return _("Approved: %(number)s accounts are being repaired.") % {"number": done}


def dismiss_all(subject: None, values: dict[str, Any], actor: str) -> Any:
    done = findings.dismiss_all(int(values["panel"]), actor=actor)
    return _("%(number)s accounts stay as the panel shows them.") % {"number": done}


class PanelWithHeldForm(ActForm):
    panel = forms.ChoiceField(label=_("Panel"))

    def fit(self) -> None:
        panels = Panel.objects.filter(findings__state=SyncFinding.State.HELD).distinct()
        field = self.fields["panel"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(panels.values_list("pk", "name"))


def how_many(subject: None, values: dict[str, Any]) -> list[Change]:
    if "panel" not in values:
        return []
    held = SyncFinding.objects.filter(panel=values["panel"], state=SyncFinding.State.HELD)
    return [Change(_("Waiting for approval"), held.count(), 0)]


def is_held(finding: SyncFinding) -> bool:
    return finding.state == SyncFinding.State.HELD


APPROVE, DISMISS = _("Approve"), _("Leave as it is")
FINDING_ACTS = (
    Act(
        name="approve",
        title=APPROVE,
        about=_("The panel is told what the shop wants."),
        permission=DECIDE,
        run=approve,
        is_possible=is_held,
        icon="check",
        tone="primary",
        is_harmless=True,
    ),
    Act(
        name="dismiss",
        title=DISMISS,
        about=_("It is not asked about again until the panel shows something else."),
        permission=DECIDE,
        run=dismiss,
        is_possible=is_held,
        icon="visibility_off",
    ),
)
FINDING_LIST_ACTS = (
    Act(
        name="approve-all",
        title=_("Approve all of a panel"),
        about=_("Every account that waits for approval there gets what the shop wants."),
        permission=DECIDE,
        run=approve_all,
        form=PanelWithHeldForm,
        changes=how_many,
        icon="done_all",
        tone="primary",
    ),
    Act(
        name="dismiss-all",
        title=_("Leave all of a panel as they are"),
        permission=DECIDE,
        run=dismiss_all,
        form=PanelWithHeldForm,
        changes=how_many,
        icon="visibility_off",
    ),
)


@admin.register(SyncFinding)
class SyncFindingAdmin(HistoryAdmin):
    list_display = ("name_shown", "panel", "what", "differs", "shown_state", "access_link", "found_at")
    list_filter = ("state", "kind", "panel", "found_at")
    list_select_related = ("panel", "access")
    secrets = ("panel__password", "panel__token", "panel__totp_secret", "panel__webhook_secret")
    search_fields = ("=name",)
    search_help_text = _("Account name on the panel")
    fields = (
        "name",
        "panel",
        "what",
        "differs",
        "shown_state",
        "access_link",
        "run_link",
        "found_at",
        "decided_by",
        "decided_at",
    )
    readonly_fields = fields
    acts = FINDING_ACTS
    list_acts = FINDING_LIST_ACTS

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup == "run__id__exact" or super().lookup_allowed(lookup, value, request)

    @column(_("account"))
    def name_shown(self, finding: SyncFinding) -> str:
        return finding.name or "–"

    @column(_("what"), ordering="kind")
    def what(self, finding: SyncFinding) -> str:
        return finding.get_kind_display()

    @column(_("differences"))
    def differs(self, finding: SyncFinding) -> str:
        words = difference_words(finding.details)
        return format_html_join(BREAK, "{}", ((each,) for each in words)) or "–"

    @column(_("what became of it"), tones=FINDINGS, ordering="state")
    def shown_state(self, finding: SyncFinding) -> tuple[str, str]:
        return finding.state, finding.get_state_display()

    @column(_("access"))
    def access_link(self, finding: SyncFinding) -> str:
        return link_to(finding.access)

    @column(_("full sync"))
    def run_link(self, finding: SyncFinding) -> str:
        return link_to(finding.run)


class AdoptForm(ActForm):
    access = forms.IntegerField(
        label=_("Access"), min_value=1, help_text=_("The number of the access it is to belong to.")
    )

    def fit(self) -> None:
        self.fields["access"].initial = self.subject.access_id


def whose(stray: StrayAccount, values: dict[str, Any]) -> list[Change]:
    if "access" not in values:
        return []
    access = Access.objects.select_related("user").filter(pk=values["access"]).first()
    return [Change(_("Customer"), "–", access.user if access else _("There is no such access."))]


def adopt(stray: StrayAccount, values: dict[str, Any], actor: str) -> Any:
    account = strays.adopt(stray.pk, access_id=values["access"], actor=actor)
    return _("Taken over: the account gets the terms of access %(access)s.") % {"access": account.access}


def ignore(stray: StrayAccount, values: dict[str, Any], actor: str) -> Any:
    strays.ignore(stray.pk, actor=actor)
    return _("The account is left alone.")


def remove(stray: StrayAccount, values: dict[str, Any], actor: str) -> Any:
    job = strays.remove(stray.pk, actor=actor)
    return under_way(job)


def what_goes(stray: StrayAccount, values: dict[str, Any]) -> list[Change]:
    return [Change(_("Account on the panel"), stray.name, _("removed for good, its key stops working"))]


def may_decide(stray: StrayAccount) -> bool:
    return stray.state in strays.DECIDABLE


STRAY_ACTS = (
    Act(
        name="adopt",
        title=_("Take over"),
        about=_("It becomes an account of an access of ours and gets its terms; its key stays."),
        permission=QUARANTINE,
        run=adopt,
        form=AdoptForm,
        changes=whose,
        is_possible=lambda stray: may_decide(stray) and stray.why != StrayAccount.Why.ELSEWHERE,
        icon="person_add",
        tone="primary",
    ),
    Act(
        name="ignore",
        title=_("Leave alone"),
        about=_("It stays on the panel, and nobody is asked about it again."),
        permission=QUARANTINE,
        run=ignore,
        is_possible=lambda stray: stray.state == StrayAccount.State.OPEN,
        icon="visibility_off",
    ),
    Act(
        name="remove",
        title=_("Remove from the panel"),
        about=_(
            "Only for what nobody uses. If two of our panels are one server, it may be a customer's account."
        ),
        permission=QUARANTINE,
        run=remove,
        changes=what_goes,
        is_possible=may_decide,
        icon="delete_forever",
        tone="danger",
    ),
)


@admin.register(StrayAccount)
class StrayAccountAdmin(HistoryAdmin):
    list_display = ("name", "panel", "why", "access_link", "shown_state", "found_at", "seen_at")
    list_filter = ("state", "why", "panel")
    list_select_related = ("panel", "access")
    secrets = ("panel__password", "panel__token", "panel__totp_secret", "panel__webhook_secret")
    search_fields = ("=name",)
    search_help_text = _("Account name on the panel")
    fields = (
        "name",
        "panel",
        "why",
        "access_link",
        "shown_terms",
        "shown_state",
        "error",
        "found_at",
        "seen_at",
        "decided_by",
        "decided_at",
    )
    readonly_fields = fields
    acts = STRAY_ACTS

    @column(_("access it may belong to"))
    def access_link(self, stray: StrayAccount) -> str:
        return link_to(stray.access)

    @column(_("state"), tones=STRAYS, ordering="state")
    def shown_state(self, stray: StrayAccount) -> tuple[str, str]:
        return stray.state, stray.get_state_display()

    @column(_("shown"))
    def shown_terms(self, stray: StrayAccount) -> str:
        words = ((field_word(name), value_word(name, value)) for name, value in stray.shown.items())
        return format_html_join(BREAK, "{}: {}", words) or "–"
