from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("core", "RetentionRule").objects.get_or_create(key="outbox texts", defaults={"days": 90})


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial"), ("core", "0002_schedules")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
