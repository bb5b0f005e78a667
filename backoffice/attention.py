"""What needs staff's attention now: each concern with its count, why, and the list that shows it."""

from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from backoffice.concern import Concern
from backoffice.money_concerns import money_concerns
from core import clock
from core.models import Job, Lease, ServiceHealth
from notifications.models import OutboxMessage
from subscriptions.models import Subscription
from subscriptions.services import never_connected
from telegram_bot.models import Update
from vpnpanel.guard import words
from vpnpanel.models import (
    LATE_AFTER,
    LOST_CHANGES,
    NO_ROOM,
    Access,
    Move,
    Outage,
    Panel,
    StrayAccount,
    SyncFinding,
)

# Beat writes down when it ran a schedule every three minutes at the latest.
SCHEDULE_SLACK = timedelta(minutes=5)
LONGEST_CALENDAR_GAP = timedelta(days=8)
FAILED_JOBS_FOR = timedelta(days=3)
BADGES_FOR_SECONDS = 15
BOT_LEASE = "bot"
BOT_HEALTH = "telegram"


def concerns(now: datetime) -> list[Concern]:
    """Return everything that is watched, troubled or not. A fixed number of queries."""
    return [
        _lagging(now),
        _panels_down(),
        _outages(),
        _panels_failing(),
        _panels_losing(),
        _no_room(),
        _paused_moves(),
        _held_findings(),
        _strays(),
        _bot(now),
        _dead_updates(),
        _failed_messages(),
        *money_concerns(now),
        _never_connected(now),
        _idle_schedules(now),
        _failed_jobs(now),
    ]


def badges() -> dict[str, int]:
    """Return the counts for the side bar; up to BADGES_FOR_SECONDS old."""
    found: dict[str, int] | None = cache.get("backoffice.badges")
    if found is None:
        found = {concern.key: concern.count for concern in concerns(clock.now())}
        cache.set("backoffice.badges", found, BADGES_FOR_SECONDS)
    return found


def _lagging(now: datetime) -> Concern:
    late = Access.objects.filter(is_dirty=True, changed_at__lt=now - LATE_AFTER)
    return Concern(
        key="access",
        title=_("Access not on the panels"),
        count=late.count(),
        why=_("Changed over a minute ago and not applied yet."),
        model=Access,
        query="lagging=yes",
        icon="sync_problem",
        is_grave=True,
    )


def _panels_down() -> Concern:
    down = list(
        Panel.objects.filter(is_up=False).exclude(state=Panel.State.OFF).values_list("name", flat=True)
    )
    return Concern(
        key="panels",
        title=_("Panels that do not answer"),
        count=len(down),
        why=", ".join(down) or _("All panels answer."),
        model=Panel,
        query="is_up__exact=0",
        icon="dns",
        is_grave=True,
    )


def _outages() -> Concern:
    unsettled = Outage.objects.filter(alerted_at__isnull=False, settled_at__isnull=True)
    return Concern(
        key="outages",
        title=_("Outages to look at"),
        count=unsettled.count(),
        why=_("Longer than the rules allow: tell the customers concerned, give them days, or settle it."),
        model=Outage,
        query="attention=needed",
        icon="power_off",
    )


def _panels_failing() -> Concern:
    failing = Panel.objects.filter(guard=Panel.Guard.FAILED, state=Panel.State.OPEN).order_by("name")
    shown = failing.only("name", "guard", "guard_report")
    reasons = [f"{panel}: {words.why_failed(panel)}" for panel in shown]
    return Concern(
        key="guard",
        title=_("Panels that fail their contract test"),
        count=len(reasons),
        why=" · ".join(reasons) or _("None is closed for sale by it."),
        model=Panel,
        query="guard__exact=failed&state__exact=open",
        icon="rule",
        is_grave=True,
    )


def _panels_losing() -> Concern:
    losing = Panel.objects.filter(lost_changes__gte=LOST_CHANGES, is_up=True).exclude(state=Panel.State.OFF)
    names = list(losing.order_by("name").values_list("name", flat=True))
    return Concern(
        key="lost_changes",
        title=_("Panels that answer but take no changes"),
        count=len(names),
        why=_("%(panels)s: new customers go elsewhere until a change arrives again.")
        % {"panels": ", ".join(names)}
        if names
        else _("What is changed arrives."),
        model=Panel,
        query=f"lost_changes__gte={LOST_CHANGES}",
        icon="edit_off",
        is_grave=True,
    )


def _paused_moves() -> Concern:
    troubled = Move.objects.filter(state__in=(Move.State.WAITING, Move.State.PAUSED)).exclude(why={})
    reasons = [move.trouble for move in troubled.order_by("-id").only("why")]
    return Concern(
        key="moves",
        title=_("Moves that stand still"),
        count=len(reasons),
        why=" · ".join(reasons) or _("None waits for you."),
        model=Move,
        query="state__in=waiting,paused",
        icon="moving",
    )


def _held_findings() -> Concern:
    held = SyncFinding.objects.filter(state=SyncFinding.State.HELD)
    return Concern(
        key="findings",
        title=_("Differences to approve"),
        count=held.count(),
        why=_("Found by full syncs of panels that repair nothing before you approve it."),
        model=SyncFinding,
        query="state__exact=held",
        icon="difference",
    )


def _strays() -> Concern:
    return Concern(
        key="strays",
        title=_("Accounts in quarantine"),
        count=StrayAccount.objects.filter(state=StrayAccount.State.OPEN).count(),
        why=_("They look like ours, and nothing here says whose they are: take over, ignore or remove."),
        model=StrayAccount,
        query="state__exact=open",
        icon="help_center",
    )


def _no_room() -> Concern:
    return Concern(
        key="no_room",
        title=_("Customers no panel takes"),
        count=Access.objects.filter(is_dirty=True, error=NO_ROOM).count(),
        why=_("They wait: no panel of their groups is open, answers and has room."),
        model=Access,
        query="lagging=no-room",
        icon="no_meeting_room",
        is_grave=True,
    )


def _never_connected(now: datetime) -> Concern:
    return Concern(
        key="unconnected",
        title=_("Paid but never connected"),
        count=never_connected(now).count(),
        why=_("Paid over a day ago, and no app has fetched their keys. They were asked once: write to them."),
        model=Subscription,
        query="connected=never",
        icon="sentiment_dissatisfied",
    )


def _bot(now: datetime) -> Concern:
    """A bot that runs holds its lease and notes how Telegram is. One that never ran is no trouble."""
    noted = list(ServiceHealth.objects.all())
    troubles = [f"{row.name}: {row.error}" for row in noted if not row.is_up]
    lease = Lease.objects.filter(name=BOT_LEASE).first()
    has_run = lease is not None or any(row.name == BOT_HEALTH for row in noted)
    if has_run and (lease is None or lease.until < now):
        troubles.append(_("The bot does not run: no process holds its place."))
    return Concern(
        key="services",
        title=_("Bot and outside services"),
        count=len(troubles),
        why=" · ".join(troubles) or _("Telegram is reached."),
        model=ServiceHealth,
        icon="smart_toy",
        is_grave=True,
    )


def _dead_updates() -> Concern:
    return Concern(
        key="updates",
        title=_("Taps given up"),
        count=Update.objects.filter(state=Update.State.DEAD).count(),
        why=_("Updates that failed too often. Look at the error, then work on them again."),
        model=Update,
        query="state__exact=dead",
        icon="touch_app",
    )


def _failed_messages() -> Concern:
    return Concern(
        key="messages",
        title=_("Messages not sent"),
        count=OutboxMessage.objects.filter(state=OutboxMessage.State.FAILED).count(),
        why=_("Refused by Telegram, or tried too often."),
        model=OutboxMessage,
        query="state__exact=failed",
        icon="mail_off",
    )


def _idle_schedules(now: datetime) -> Concern:
    enabled = PeriodicTask.objects.filter(enabled=True).select_related("interval", "crontab")
    idle = [task.name for task in enabled if _is_idle(task, now)]
    return Concern(
        key="schedules",
        title=_("Schedules that stand still"),
        count=len(idle),
        why=", ".join(idle) or _("All of them run."),
        model=PeriodicTask,
        icon="schedule",
        is_grave=True,
    )


def _is_idle(task: Any, now: datetime) -> bool:
    """A schedule that never ran counts from when it was made or last changed."""
    since = now - (task.last_run_at or task.date_changed)
    if task.interval is not None:
        return bool(since > 3 * task.interval.schedule.run_every + SCHEDULE_SLACK)
    return bool(task.crontab is not None and since > LONGEST_CALENDAR_GAP)


def _failed_jobs(now: datetime) -> Concern:
    failed = Job.objects.filter(state=Job.State.FAILED, finished_at__gt=now - FAILED_JOBS_FOR)
    return Concern(
        key="jobs",
        title=_("Jobs that failed"),
        count=failed.count(),
        why=_("In the last three days."),
        model=Job,
        query="state__exact=failed",
        icon="work_alert",
    )
