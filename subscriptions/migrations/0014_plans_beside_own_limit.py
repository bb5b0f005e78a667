from django.db import migrations, models
from django.db.models import F, OuterRef, Subquery


def fill_in(apps, schema_editor):
    """Of limits of staff's own that count already, only what the running time brought is known."""
    brought = apps.get_model("subscriptions", "Grant").objects.filter(pk=OuterRef("allowance_grant"))
    limited = apps.get_model("subscriptions", "Subscription").objects.filter(
        own_limit__isnull=False, allowance_grant__traffic__gt=0
    )
    limited.update(plans_limit=F("allowance_from") + Subquery(brought.values("traffic")[:1]))


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0013_periods")]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="plans_limit",
            field=models.PositiveBigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="subscription",
            name="plans_extra",
            field=models.PositiveBigIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
    ]
