from django.db import migrations

from core.schedules import add_daily, add_interval

INTERVALS = (
    ("money: notices", "billing.tasks.work_notices", 5),
    ("money: send and read back payments", "billing.tasks.work_payments", 5),
    ("money: give what is paid", "billing.tasks.fulfil_due", 5),
    ("money: refunds", "billing.tasks.work_refunds", 10),
    ("money: paid but not active", "billing.tasks.alert_stuck", 60),
    ("money: close unpaid orders", "billing.tasks.close_stale_orders", 600),
    ("money: compare a day with the provider", "billing.tasks.sweep_payments", 3600),
)


def add(apps, schema_editor):
    for name, task, seconds in INTERVALS:
        add_interval(apps, name=name, task=task, seconds=seconds)
    add_daily(
        apps, name="money: compare eight days with the provider", task="billing.tasks.sweep_nightly", hour="1"
    )
    apps.get_model("core", "RetentionRule").objects.get_or_create(key="notice bodies", defaults={"days": 90})


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_money"), ("core", "0002_schedules")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
