from django.db import migrations

from core.schedules import add_interval


def add_schedule(apps, schema_editor):
    add_interval(
        apps,
        name="subscriptions: tell that outages are over",
        task="subscriptions.tasks.tell_recovered",
        seconds=60,
    )


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0014_plans_beside_own_limit")]
    operations = [migrations.RunPython(add_schedule, migrations.RunPython.noop)]
