from django.db import migrations

from core.schedules import add_interval

PLANS = (
    {"code": "trial", "is_trial": True, "days": 7, "name_en": "Trial, 7 days", "name_ru": "Пробный, 7 дней"},
    {"code": "month", "days": 30, "name_en": "30 days", "name_ru": "30 дней"},
    {"code": "quarter", "days": 90, "name_en": "90 days", "name_ru": "90 дней"},
    {"code": "year", "days": 365, "name_en": "365 days", "name_ru": "365 дней"},
)
ABOUT = {
    "about_en": "All servers, unlimited traffic",
    "about_ru": "Все серверы, трафик без ограничений",
}


def add(apps, schema_editor):
    """Load the first plans. From then on they are the staff's: nothing here runs again."""
    add_interval(apps, name="subscriptions: expire", task="subscriptions.tasks.expire_due", seconds=5)
    group = apps.get_model("vpnpanel", "PanelGroup").objects.get(code="main")
    plans = apps.get_model("subscriptions", "Plan")
    for position, values in enumerate(PLANS):
        plan, is_new = plans.objects.get_or_create(
            code=values["code"], defaults={**ABOUT, **values, "position": position * 10}
        )
        if is_new:
            plan.groups.add(group)


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0001_initial"), ("vpnpanel", "0002_schedules")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
