"""Why a move stands still is kept as a sentence, to be read in any language."""

from typing import Any

from django.db import migrations, models


def keep_words(apps: Any, schema_editor: Any) -> None:
    for move in apps.get_model("vpnpanel", "Move").objects.exclude(trouble=""):
        move.why = {"text": move.trouble.replace("%", "%%"), "values": {}}
        move.save(update_fields=["why"])


class Migration(migrations.Migration):
    dependencies = [
        ("vpnpanel", "0016_lost_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="move",
            name="why",
            field=models.JSONField(blank=True, default=dict, verbose_name="why it stands still"),
        ),
        migrations.RunPython(keep_words, migrations.RunPython.noop),
        migrations.RemoveField(model_name="move", name="trouble"),
    ]
