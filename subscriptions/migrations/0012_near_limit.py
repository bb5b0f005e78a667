from django.db import migrations

from core.schedules import add_interval


def add_schedule(apps, schema_editor):
    add_interval(
        apps, name="subscriptions: near their limit", task="subscriptions.tasks.read_near_limit", seconds=300
    )


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0011_allowances")]
    operations = [migrations.RunPython(add_schedule, migrations.RunPython.noop)]
