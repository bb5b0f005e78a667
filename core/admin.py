"""Technical rows for staff: jobs, schedules, clean-up rules, health of outside services."""

from operator import itemgetter
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    PeriodicTaskAdmin,
    PeriodicTaskForm,
    TaskSelectWidget,
)
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core import jobs
from core.acts import Act
from core.models import Job, RetentionRule, ServiceHealth
from core.staff import HistoryAdmin, StaffAdmin, column

BREAK = mark_safe("<br>")
JOB_TONES = {
    "queued": "info",
    "running": "info",
    "done": "success",
    "failed": "danger",
    "cancelled": "warning",
}


def cancel_job(job: Job, values: dict[str, Any], actor: str) -> Any:
    return _("The job stops before its next step.") if jobs.cancel(job.pk) else _("The job was over already.")


class KindFilter(admin.SimpleListFilter):
    """Kinds come from the registry of jobs: asking the table for them would read all of it."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((kind, jobs.title_of(kind)) for kind in jobs.KINDS), key=itemgetter(1))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Job)
class JobAdmin(HistoryAdmin):
    list_display = (
        "id",
        "shown_kind",
        "subject",
        "shown_state",
        "progress",
        "asked_by",
        "created_at",
        "finished_at",
    )
    list_display_links = ("id", "shown_kind")
    list_filter = ("state", KindFilter)
    fields = (
        "shown_kind",
        "subject",
        "shown_state",
        "progress",
        "attempts",
        "error",
        "outcome",
        "params",
        "asked_by",
        "created_at",
        "finished_at",
    )
    readonly_fields = fields
    change_form_outer_before_template = "admin/job.html"
    acts = (
        Act(
            name="cancel",
            title=_("Cancel"),
            about=_("What is done stays done; the rest is not begun."),
            permission="core.change_job",
            run=cancel_job,
            is_possible=lambda job: job.state in Job.OPEN,
            icon="cancel",
            tone="danger",
        ),
    )

    @column(_("result"))
    def outcome(self, job: Job) -> str:
        """Numbers on a line each; what a job says of single rows, under the key `lines`, as a list."""
        kind, result = jobs.KINDS.get(job.kind), dict(job.result or {})
        lines = result.pop("lines", ())
        named = [(kind.counts.get(key, key) if kind else key, value) for key, value in result.items()]
        numbers = format_html_join(BREAK, "{}: {}", named)
        in_words = kind.line if kind else jobs.joined
        rows = format_html_join("", "<li>{}</li>", ((in_words(line),) for line in lines))
        return format_html("{}<ol>{}</ol>", numbers, rows) if lines else numbers or "–"

    @column(_("kind"), ordering="kind")
    def shown_kind(self, job: Job) -> str:
        return jobs.title_of(job.kind)

    @column(_("state"), tones=JOB_TONES, ordering="state")
    def shown_state(self, job: Job) -> tuple[str, str]:
        return job.state, job.get_state_display()

    @column(_("progress"))
    def progress(self, job: Job) -> str:
        if not job.total:
            return str(job.done)
        share = min(job.done * 100 // job.total, 100)
        bar = '<span class="bo-bar"><span style="width: {}%"></span></span> {} / {}'
        return format_html(bar, share, job.done, job.total)


@admin.register(RetentionRule)
class RetentionRuleAdmin(StaffAdmin):
    list_display = ("key", "days", "swept_at", "swept_rows")
    fields = ("key", "days", "swept_at", "swept_rows")
    readonly_fields = ("key", "swept_at", "swept_rows")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a rule without a sweep that knows its key would do nothing

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ServiceHealth)
class ServiceHealthAdmin(HistoryAdmin):
    list_display = ("name", "shown_state", "changed_at", "seen_at", "error")
    fields = ("name", "shown_state", "changed_at", "seen_at", "error")
    readonly_fields = fields

    @column(_("state"), tones={"up": "success", "down": "danger"})
    def shown_state(self, health: ServiceHealth) -> tuple[str, Any]:
        return ("up", _("Up")) if health.is_up else ("down", _("Down"))


class TaskWidget(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    """The list of known tasks, in the admin's style."""


class ScheduleForm(PeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskWidget()


for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin, StaffAdmin):  # type: ignore[misc]
    form = ScheduleForm
    list_display = ("name", "enabled", "schedule_shown", "last_run_at", "one_off")
    list_filter = ("enabled", "one_off")
    list_select_related = ("interval", "crontab", "solar", "clocked")

    @column(_("runs"))
    def schedule_shown(self, task: PeriodicTask) -> str:
        return str(task.interval or task.crontab or task.solar or task.clocked or "–")


@admin.register(IntervalSchedule)
class IntervalAdmin(StaffAdmin):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabAdmin(CrontabScheduleAdmin, StaffAdmin):  # type: ignore[misc]
    pass


@admin.register(ClockedSchedule)
class ClockedAdmin(ClockedScheduleAdmin, StaffAdmin):  # type: ignore[misc]
    pass
