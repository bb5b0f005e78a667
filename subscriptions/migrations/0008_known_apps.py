from django.db import migrations

from subscriptions.known_apps import fill


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0007_client_apps")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
