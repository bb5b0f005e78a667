"""Schedules and retention: rows that migrations made once, which staff may change."""

from datetime import timedelta

import pytest
from celery import current_app
from django.apps import apps
from django_celery_beat.models import PeriodicTask

from core import clock, retention
from core.models import Job, RetentionRule
from core.schedules import add_interval
from notifications.models import OutboxMessage
from notifications.services import tell
from telegram_bot import services
from telegram_bot.models import Update
from tests.factories import make_customer
from tests.telegram_bot.test_intents import message

LONG_ENDED = "panel accounts after the end"
EXPECTED = {
    "panels: reconcile": 5,
    "panels: probe": 15,
    "panels: places": 60,
    "panels: moves": 5,
    "panels: full sync": 7200,
    "panels: figures": 900,
    "panels: alert of outages": 60,
    "panels: test those in doubt": 1800,
    "panels: read what they point at": 30,
    "subscriptions: expire": 5,
    "subscriptions: paid but never connected": 1800,
    "subscriptions: tell that outages are over": 60,
    "subscriptions: traffic": 60,
    "subscriptions: near their limit": 300,
    "jobs: next steps": 5,
    "money: notices": 5,
    "money: send and read back payments": 5,
    "money: give what is paid": 5,
    "money: refunds": 10,
    "money: paid but not active": 60,
    "money: close unpaid orders": 600,
    "money: compare a day with the provider": 3600,
}


def test_the_schedules_are_there_with_tasks_that_exist(db):
    current_app.loader.import_default_modules()
    found = {task.name: task for task in PeriodicTask.objects.exclude(task="celery.backend_cleanup")}
    assert {name: found[name].interval.every for name in EXPECTED} == EXPECTED
    assert {name for name in found if found[name].crontab} == {
        "clean-up: old rows",
        "clean-up: accounts long expired",
        "panels: contract test",
        "money: compare eight days with the provider",
    }
    assert all(task.task in current_app.tasks for task in found.values())
    assert all(task.expire_seconds for task in found.values())


def test_what_staff_changed_is_never_overwritten(db):
    task = PeriodicTask.objects.get(name="panels: full sync")
    task.enabled = False
    task.save()
    add_interval(apps, name="panels: full sync", task="vpnpanel.tasks.sync_panels", seconds=60)
    task.refresh_from_db()
    assert not task.enabled and task.interval.every == 7200


def test_every_retention_rule_has_a_sweep(db):
    keys = set(RetentionRule.objects.values_list("key", flat=True))
    assert keys - set(retention.SWEEPS) == {LONG_ENDED}, "accounts are taken off the panels, not rows deleted"


@pytest.mark.parametrize(("age_days", "left"), [(89, 1), (91, 0)])
def test_old_jobs_go_after_the_days_of_the_rule(db, age_days, left):
    job = Job.objects.create(kind="k", asked_by="olga", state=Job.State.DONE)
    Job.objects.update(
        created_at=clock.now() - timedelta(days=age_days), finished_at=clock.now() - timedelta(days=age_days)
    )
    retention.sweep_all()
    assert Job.objects.filter(pk=job.pk).count() == left


def test_open_jobs_stay_however_old(db):
    Job.objects.create(kind="k", asked_by="olga")
    Job.objects.update(created_at=clock.now() - timedelta(days=900))
    retention.sweep_all()
    assert Job.objects.exists()


def test_old_contents_go_and_what_was_seen_stays_known(db):
    services.store_updates([{**message("/start"), "update_id": 1}, {**message("/start"), "update_id": 2}])
    services.note_answered([1])
    tell(make_customer(), "customer_banned", dedupe_key="k", context={"reason": "x"})
    long_ago = clock.now() - timedelta(days=400)
    Update.objects.update(received_at=long_ago)
    OutboxMessage.objects.update(created_at=long_ago, state=OutboxMessage.State.SENT)
    retention.sweep_all()
    assert [update.payload is None for update in Update.objects.order_by("update_id")] == [True, False]
    assert (OutboxMessage.objects.get().context, OutboxMessage.objects.get().dedupe_key) == ({}, "k")
