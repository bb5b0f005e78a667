"""The panel's own jobs: every ten seconds it looks at its users, every hour at periodic resets."""

from __future__ import annotations

from sandbox.marzban.panel import Panel
from sandbox.marzban.state import User

REVIEW_SECONDS = 10
RESET_CHECK_SECONDS = 3600
AUTO_DELETE_CHECK_SECONDS = 6 * 3600
DAY = 86_400
RESET_PERIODS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": 365 * DAY}


def review_if_due(panel: Panel) -> None:
    """Run the jobs that fell due since the last look. Free unless ten seconds of the panel's clock passed."""
    now, last = panel.clock.now(), panel.state.reviewed_at
    if now // REVIEW_SECONDS == last // REVIEW_SECONDS:
        return
    panel.state.reviewed_at = now
    for user in list(panel.state.users.values()):
        if user.status in ("active", "on_hold"):
            review(panel, user, now)
    if now // RESET_CHECK_SECONDS != last // RESET_CHECK_SECONDS:
        reset_periodically(panel, now)
    if now // AUTO_DELETE_CHECK_SECONDS != last // AUTO_DELETE_CHECK_SECONDS:
        delete_long_expired(panel, now)


def review(panel: Panel, user: User, now: float) -> None:
    if user.status == "on_hold":
        begin_if_used_or_late(panel, user, now)
    elif user.data_limit is not None and user.used_traffic >= user.data_limit:
        turn(panel, user, "limited")
    elif panel.is_past(user.expire):
        turn(panel, user, "expired")
    elif user.expire is not None:
        panel.webhooks.queue_days_left(user, (user.expire - now) / DAY, panel.show)


def begin_if_used_or_late(panel: Panel, user: User, now: float) -> None:
    """Start an on_hold user at the first traffic since its last change, or when its time to wait is over."""
    used = user.online_at is not None and user.online_at >= (user.edited_at or user.created_at)
    late = user.on_hold_timeout is not None and user.on_hold_timeout <= now
    if used or late:
        user.expire = int(now - panel.state.utc_offset_seconds) + (user.on_hold_expire_duration or 0)
        user.on_hold_expire_duration = None
        user.on_hold_timeout = None
        turn(panel, user, "active")


def turn(panel: Panel, user: User, status: str) -> None:
    panel.set_status(user, status)
    panel.update_core(user)
    panel.changed(user)
    if not user.is_poisoned:
        panel.webhooks.queue_status(status, user.username, by=None, user=panel.show(user))


def reset_periodically(panel: Panel, now: float) -> None:
    """Set counters to zero whose period is over. Tells no webhook, as the panel does."""
    for user in panel.state.users.values():
        period = RESET_PERIODS.get(user.data_limit_reset_strategy)
        due = period is not None and now - (user.reset_at or user.created_at) >= period
        if due and user.status in ("active", "limited"):
            panel.clear_usage(user)
            panel.set_status(user, "active")
            panel.update_core(user)
            panel.changed(user)


def delete_long_expired(panel: Panel, now: float) -> None:
    for user in list(panel.state.users.values()):
        days = user.auto_delete_in_days
        if user.status == "expired" and days is not None and days >= 0:
            since = user.status_changed_at or user.created_at
            if now - since >= days * DAY:
                panel.delete(user, by=None)
