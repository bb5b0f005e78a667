from django.db import migrations

from core.schedules import add_interval, add_weekly

INTERVALS = (
    ("panels: reconcile", "vpnpanel.tasks.reconcile_due", 5),
    ("panels: probe", "vpnpanel.tasks.probe_panels", 15),
    ("panels: full sync", "vpnpanel.tasks.sync_panels", 2 * 3600),
    ("panels: figures", "vpnpanel.tasks.read_figures", 900),
)


def add(apps, schema_editor):
    for name, task, seconds in INTERVALS:
        add_interval(apps, name=name, task=task, seconds=seconds)
    add_weekly(
        apps, name="clean-up: accounts long expired", task="vpnpanel.tasks.clean_up", weekday="1", hour="4"
    )
    rules = apps.get_model("core", "RetentionRule")
    for key, days in (("panel accounts after the end", 30), ("full syncs", 90)):
        rules.objects.get_or_create(key=key, defaults={"days": days})
    apps.get_model("vpnpanel", "PanelGroup").objects.get_or_create(code="main", defaults={"name": "Main"})


class Migration(migrations.Migration):
    dependencies = [("vpnpanel", "0001_initial"), ("core", "0002_schedules")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
