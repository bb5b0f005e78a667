from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_sample_documents"),
        ("billing", "0004_schedules"),
        ("subscriptions", "0005_one_way_to_take_back"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["state", "-id"], name="order_by_state"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(fields=["state", "-id"], name="payment_by_state"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("booked_as__in", ["credit", "suspense"])),
                fields=["-id"],
                name="payment_kept",
            ),
        ),
    ]
