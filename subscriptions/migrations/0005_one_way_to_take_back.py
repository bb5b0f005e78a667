from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0004_take_backs")]
    operations = [
        migrations.RemoveConstraint("grant", "grant_revoked_has_time"),
        migrations.RemoveField("grant", "state"),
        migrations.RemoveField("grant", "revoked_at"),
        migrations.RemoveField("grant", "revoked_seconds"),
        migrations.RemoveField("grant", "revoked_traffic"),
        migrations.RemoveField("grant", "revoked_devices"),
        migrations.AddConstraint(
            "grant",
            models.CheckConstraint(
                condition=models.Q(("queued_seconds__lte", models.F("seconds"))),
                name="grant_queues_no_more_than_given",
            ),
        ),
    ]
