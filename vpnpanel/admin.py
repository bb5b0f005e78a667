"""Panels for staff, and what stands on them. Nothing here waits for a panel: jobs and the reconciler do."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import ManyToManyField, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.services import note
from core import clock, jobs
from core.acts import Act, Change, nothing
from core.badges import badge
from core.models import Job
from core.nudges import nudge
from core.staff import HistoryAdmin, KeptAdmin, StaffAdmin, column, link_to, page_of, size, under_way
from vpnpanel import services, sync_admin  # noqa: F401 (registers its own)
from vpnpanel.guard import words
from vpnpanel.models import LATE_AFTER, NO_ROOM, Access, Panel, PanelAccount, PanelGroup, SyncRun
from vpnpanel.moves_admin import MOVE_AWAY
from vpnpanel.panel_form import FIELDSETS, SECRETS, PanelForm
from vpnpanel.services import checkups, guard, sync

PLACEMENTS = {"joining": "info", "serving": "success", "leaving": "warning", "gone": "default"}
STATES = {
    "open": "success", "shut": "danger", "closed": "info", "draining": "warning", "lost": "danger",
    "off": "default",
}  # fmt: skip
# The last two are a later room's, which knows customers and plans.
PANEL_JOBS = (checkups.KIND, sync.KIND, guard.KIND, "panel_adopt", "panel_adopt_preview")
GUARDS = {"untested": "info", "passed": "success", "failed": "danger"}


def start_job(kind: str, panel: Panel, actor: str) -> Any:
    job = jobs.start(kind, subject=str(panel.pk), asked_by=actor)
    nudge("core.tasks.run_jobs")
    return under_way(job)


def put_into(state: Panel.State) -> Any:
    def run(panel: Panel, values: dict[str, Any], actor: str) -> Any:
        services.set_panel_state(panel.pk, state=state, actor=actor)
        return _("The panel is now: %(state)s") % {"state": state.label}

    return run


def left_on(panel: Panel, values: dict[str, Any]) -> list[Change]:
    """Say how many accounts would stay on the panel."""
    there = panel.accounts.exclude(placement=PanelAccount.Placement.GONE)
    return [Change(_("Our accounts that stay on it"), "", there.count())]


def turn(
    name: str,
    state: Panel.State,
    title: Any,
    about: Any,
    icon: str,
    tone: str = "default",
    changes: Callable[[Panel, dict[str, Any]], list[Change]] = nothing,
) -> Act:
    return Act(
        name=name,
        title=title,
        about=about,
        permission="vpnpanel.change_panel",
        run=put_into(state),
        is_possible=lambda panel: panel.state != state,
        icon=icon,
        tone=tone,
        changes=changes,
    )


PANEL_ACTS = (
    Act(
        name="check",
        title=_("Check now"),
        about=_("Ask the panel who it is and whether our administrator gets in."),
        permission="vpnpanel.change_panel",
        run=lambda panel, values, actor: start_job(checkups.KIND, panel, actor),
        icon="network_check",
        is_harmless=True,
    ),
    Act(
        name="sync",
        title=_("Full sync now"),
        about=_("Read all accounts of the panel and repair what differs."),
        permission="vpnpanel.change_panel",
        run=lambda panel, values, actor: start_job(sync.KIND, panel, actor),
        icon="sync",
        is_harmless=True,
    ),
    Act(
        name="guard",
        title=_("Contract test now"),
        about=_("Do everything the shop does on the panel once, on an account of nobody."),
        permission="vpnpanel.change_panel",
        run=lambda panel, values, actor: start_job(guard.KIND, panel, actor),
        is_possible=lambda panel: panel.state in guard.TESTABLE,
        icon="rule",
        is_harmless=True,
    ),
    turn(
        "open", Panel.State.OPEN, _("Open"), _("New customers are placed here again."), "lock_open", "primary"
    ),
    turn("close", Panel.State.CLOSED, _("Close"), _("Nobody new is placed here; who is here stays."), "lock"),
    turn(
        "drain",
        Panel.State.DRAINING,
        _("Drain"),
        _("It serves on and takes nobody new, until its customers have moved away: start their move here."),
        "water_drop",
    ),
    MOVE_AWAY,
    turn(
        "lost",
        Panel.State.LOST,
        _("Lost"),
        _("Its customers get accounts on other panels of the groups, and its own are removed."),
        "crisis_alert",
        "danger",
    ),
    turn(
        "off",
        Panel.State.OFF,
        _("Switch off"),
        _(
            "Its customers get accounts on other panels. The panel is not called any more, so what is on it "
            "stays and lets people in until their end, also those who are banned, disabled or refunded. "
            "Press Lost first, and switch off when nothing is left there, unless the server itself is gone."
        ),
        "power_settings_new",
        "danger",
        changes=left_on,
    ),
)


@admin.register(Panel)
class PanelAdmin(KeptAdmin):
    formfield_overrides = {ManyToManyField: {"widget": UnfoldAdminCheckboxSelectMultipleWidget}}
    form = PanelForm
    secrets = SECRETS
    list_display = (
        "name",
        "shown_state",
        "answers",
        "location",
        "shown_version",
        "shown_guard",
        "load_shown",
        "seen_at",
        "synced_at",
    )
    list_filter = ("state", "is_up", "guard", "kind")
    acts = PANEL_ACTS
    change_form_outer_before_template = "admin/panel.html"
    fieldsets = FIELDSETS

    def save_model(self, request: HttpRequest, obj: Panel, form: Any, change: bool) -> None:
        # Only what was changed here: load and health of the panel move on while somebody looks at the form.
        own = {field.name for field in obj._meta.concrete_fields}.intersection(form.changed_names)
        obj.save(update_fields=own if change else None)
        actor = request.user.get_username()
        action = "panel.changed" if change else "panel.added"
        data = {"fields": form.changed_names, "name": obj.name}
        note(None, action, actor=actor, subject=f"panel:{obj.pk}", data=data)
        start_job(checkups.KIND, obj, actor)
        guard.start(obj, asked_by=actor)

    def beside(self, panel: Panel) -> dict[str, Any]:
        return {"panel_parts": panel_parts(panel)}

    @column(_("state"), tones=STATES, ordering="state")
    def shown_state(self, panel: Panel) -> tuple[str, str]:
        return "shut" if panel.why_shut else panel.state, panel.state_words

    @column(_("answers"), tones={"up": "success", "down": "danger"})
    def answers(self, panel: Panel) -> tuple[str, Any]:
        return ("up", _("Yes")) if panel.is_up else ("down", _("No"))

    @column(_("version"), ordering="version")
    def shown_version(self, panel: Panel) -> Any:
        if not words.is_unverified(panel):
            return panel.version
        return format_html("{} {}", panel.version, badge("warning", _("never verified")))

    @column(_("contract test"), ordering="guard")
    def shown_guard(self, panel: Panel) -> Any:
        shown = badge(GUARDS[panel.guard], panel.get_guard_display())
        if panel.state == Panel.State.OFF:
            return shown
        return format_html(
            "{} {}", shown, Truncator(words.why_failed(panel) or words.why_unfinished(panel)).chars(160)
        )

    @column(_("accounts"), ordering="load")
    def load_shown(self, panel: Panel) -> str:
        return f"{panel.load} / {panel.capacity}" if panel.capacity else str(panel.load)


def webhook_address(panel: Panel) -> str:
    """Return where the panel sends its webhooks to; empty if we do not listen to them."""
    if panel.kind != Panel.Kind.MARZBAN or not panel.webhook_secret:
        return ""
    return settings.PUBLIC_BASE_URL + reverse("webhooks:marzban-events", args=[panel.pk])


def panel_parts(panel: Panel) -> dict[str, Any]:
    """Return what stands on a panel's page above its form: its last syncs, jobs and newest accounts."""
    accounts = PanelAccount.objects.filter(panel=panel).select_related("access__user")
    return {
        "panel": panel,
        "guard_tone": GUARDS[panel.guard],
        "guard_lines": words.lines(panel),
        "guard_why": words.why_failed(panel),
        "guard_unfinished": "" if words.why_failed(panel) else words.why_unfinished(panel),
        "advice": words.advice(panel),
        "webhook_address": webhook_address(panel),
        "is_unverified": words.is_unverified(panel),
        "syncs": list(SyncRun.objects.filter(panel=panel)[:5]),
        "jobs": [
            (jobs.title_of(job.kind), job)
            for job in Job.objects.filter(kind__in=PANEL_JOBS, subject=str(panel.pk))[:5]
        ],
        "accounts": list(accounts.order_by("-id")[:10]),
        "accounts_url": f"{page_of(PanelAccount)}?panel__id__exact={panel.pk}",
    }


@admin.register(PanelGroup)
class PanelGroupAdmin(StaffAdmin):
    list_display = ("name", "code")
    search_fields = ("name", "code")


class LaggingFilter(admin.SimpleListFilter):
    title = _("applied")
    parameter_name = "lagging"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("yes", _("Lagging for over a minute")),
            ("failed", _("With an error")),
            ("no-room", _("No panel takes them")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Access]) -> QuerySet[Access]:
        if self.value() == "yes":
            return queryset.filter(is_dirty=True, changed_at__lt=clock.now() - LATE_AFTER)
        if self.value() == "no-room":
            return queryset.filter(is_dirty=True, error=NO_ROOM)
        return queryset.filter(is_dirty=True).exclude(error="") if self.value() == "failed" else queryset


def reconcile(access: Access, values: dict[str, Any], actor: str) -> Any:
    services.request_reconcile([access.pk])
    return _("The access is compared with its panels now.")


@admin.register(Access)
class AccessAdmin(HistoryAdmin):
    list_display = (
        "id",
        "customer_link",
        "wanted",
        "until",
        "applied",
        "attempts",
        "next_try_at",
        "short_error",
        "changed_at",
    )
    list_filter = (LaggingFilter, "is_dirty", "is_enabled", "is_gone", "until")
    list_select_related = ("user",)
    search_fields = ("=id",)
    customer_columns = ("user",)
    search_help_text = _("Number or Telegram id")
    fields = (
        "customer_link",
        "wanted",
        "until",
        "limit_shown",
        "devices",
        "groups",
        "panel_count",
        "location",
        "applied",
        "changed_at",
        "applied_at",
        "attempts",
        "next_try_at",
        "error",
    )
    readonly_fields = fields
    acts = (
        Act(
            name="reconcile",
            title=_("Reconcile now"),
            permission="vpnpanel.change_access",
            run=reconcile,
            icon="sync",
            is_harmless=True,
        ),
    )

    @column(_("customer"))
    def customer_link(self, access: Access) -> str:
        return link_to(access.user)

    @column(_("wanted"), tones={"on": "success", "off": "danger", "gone": "default"})
    def wanted(self, access: Access) -> tuple[str, Any]:
        if access.is_gone:
            return "gone", _("Removed")
        return ("on", _("Enabled")) if access.is_enabled else ("off", _("Disabled"))

    @column(_("applied"), tones={"yes": "success", "waits": "warning"})
    def applied(self, access: Access) -> tuple[str, str]:
        shown = f"{access.applied_generation} / {access.generation}"
        return ("waits", shown) if access.is_dirty else ("yes", shown)

    @column(_("traffic limit"))
    def limit_shown(self, access: Access) -> Any:
        return size(access.traffic_limit) if access.traffic_limit else _("no limit")

    @column(_("error"))
    def short_error(self, access: Access) -> str:
        return str(access.error)[:80]


@admin.register(PanelAccount)
class PanelAccountAdmin(HistoryAdmin):
    secrets = tuple(f"panel__{name}" for name in SECRETS)
    list_display = (
        "name",
        "panel",
        "customer_link",
        "shown_placement",
        "observed_status",
        "observed_until",
        "used",
        "online_at",
    )
    list_filter = ("placement", "panel")
    list_select_related = ("panel", "access__user")
    search_fields = ("=name",)
    search_help_text = _("Account name on the panel")
    fields = (
        "name",
        "panel",
        "customer_link",
        "access_link",
        "shown_placement",
        "applied_generation",
        "observed_status",
        "observed_until",
        "observed_limit",
        "used",
        "online_at",
        "observed_at",
        "error",
        "joined_at",
        "serving_at",
        "leaving_at",
        "serves_until",
        "gone_at",
    )
    readonly_fields = fields

    @column(_("customer"))
    def customer_link(self, account: PanelAccount) -> str:
        return link_to(account.access.user)

    @column(_("access"))
    def access_link(self, account: PanelAccount) -> str:
        return link_to(account.access)

    @column(_("placement"), tones=PLACEMENTS, ordering="placement")
    def shown_placement(self, account: PanelAccount) -> tuple[str, Any]:
        return account.placement, account.placement_in_words

    @column(_("used"), ordering="used_bytes")
    def used(self, account: PanelAccount) -> str:
        return size(account.used_bytes)
