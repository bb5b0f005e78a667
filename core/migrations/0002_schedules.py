from django.db import migrations

from core.schedules import add_interval, add_weekly


def add(apps, schema_editor):
    add_interval(apps, name="jobs: next steps", task="core.tasks.run_jobs", seconds=5)
    add_weekly(apps, name="clean-up: old rows", task="core.tasks.sweep_retention", weekday="1", hour="3")
    rules = apps.get_model("core", "RetentionRule")
    for key, days in (("jobs", 90),):
        rules.objects.get_or_create(key=key, defaults={"days": days})


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("django_celery_beat", "0019_alter_periodictasks_options")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
