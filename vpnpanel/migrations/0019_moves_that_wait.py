"""A move that something stands in the way of waits, and goes on by itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vpnpanel", "0018_marks"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="move",
            name="move_one_open_by_source",
        ),
        migrations.AlterField(
            model_name="move",
            name="state",
            field=models.CharField(
                choices=[
                    ("running", "Under way"),
                    ("waiting", "Waits"),
                    ("paused", "Paused"),
                    ("done", "Done"),
                    ("cancelled", "Cancelled"),
                    ("rolled_back", "Rolled back"),
                ],
                default="running",
                max_length=11,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="move",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["running", "waiting", "paused"])),
                fields=("source",),
                name="move_one_open_by_source",
            ),
        ),
    ]
