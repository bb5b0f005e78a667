"""Schedules are rows of django-celery-beat: made once by migrations, from then on the staff's."""

from typing import Any


def add_interval(apps: Any, *, name: str, task: str, seconds: int, queue: str | None = None) -> None:
    """Create the schedule `name` unless it exists. Called from migrations, with their `apps`.

    A message that waited longer than one interval is dropped: the next one does the same work.
    """
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    interval = interval_model.objects.filter(every=seconds, period="seconds").first()
    interval = interval or interval_model.objects.create(every=seconds, period="seconds")
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=name,
        defaults={"task": task, "interval": interval, "queue": queue, "expire_seconds": max(seconds, 10)},
    )


def add_weekly(apps: Any, *, name: str, task: str, weekday: str, hour: str) -> None:
    """Create the weekly schedule `name` unless it exists; the hour is in UTC."""
    crontab_model = apps.get_model("django_celery_beat", "CrontabSchedule")
    when = {"minute": "17", "hour": hour, "day_of_week": weekday, "day_of_month": "*", "month_of_year": "*"}
    crontab = crontab_model.objects.filter(**when).first() or crontab_model.objects.create(
        timezone="UTC", **when
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=name, defaults={"task": task, "crontab": crontab, "expire_seconds": 3600}
    )


def add_daily(apps: Any, *, name: str, task: str, hour: str) -> None:
    """Create the daily schedule `name` unless it exists; the hour is in UTC."""
    add_weekly(apps, name=name, task=task, weekday="*", hour=hour)
