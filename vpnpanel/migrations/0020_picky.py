"""Those who want more than one panel anywhere are found without reading all the others."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vpnpanel", "0019_moves_that_wait"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="access",
            index=models.Index(
                condition=models.Q(
                    ("panel_count", 0), ("panel_count__gt", 1), ("location__gt", ""), _connector="OR"
                ),
                fields=["id"],
                name="access_picky",
            ),
        ),
    ]
