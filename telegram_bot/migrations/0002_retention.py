from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("core", "RetentionRule").objects.get_or_create(
        key="update contents", defaults={"days": 30}
    )


class Migration(migrations.Migration):
    dependencies = [("telegram_bot", "0001_initial"), ("core", "0002_schedules")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
