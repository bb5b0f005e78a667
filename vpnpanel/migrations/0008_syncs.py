import django.db.models.deletion
from django.db import migrations, models


def add_rule(apps, schema_editor):
    rules = apps.get_model("core", "RetentionRule")
    rules.objects.get_or_create(key="findings of full syncs", defaults={"days": 30})


class Migration(migrations.Migration):
    dependencies = [
        ("vpnpanel", "0007_keys_and_guard"),
    ]

    operations = [
        migrations.AddField(
            model_name="syncrun",
            name="findings_left_out",
            field=models.PositiveIntegerField(default=0, verbose_name="findings beyond those kept"),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="held",
            field=models.PositiveIntegerField(default=0, verbose_name="held for approval"),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="relimited",
            field=models.PositiveIntegerField(default=0, verbose_name="limits to follow"),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="returned",
            field=models.PositiveIntegerField(default=0, verbose_name="came back"),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="strays",
            field=models.PositiveIntegerField(default=0, verbose_name="new in quarantine"),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="unreadable",
            field=models.PositiveIntegerField(default=0, verbose_name="unreadable"),
        ),
        migrations.AlterField(
            model_name="panelaccount",
            name="name",
            field=models.CharField(max_length=128, verbose_name="account name"),
        ),
        migrations.CreateModel(
            name="StrayAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=128, verbose_name="name on the panel")),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("name", "Named like ours, and we know no such account"),
                            ("note", "Noted as ours, under a name we do not know"),
                            ("elsewhere", "An account of ours on another panel"),
                        ],
                        max_length=9,
                        verbose_name="why",
                    ),
                ),
                ("shown", models.JSONField(default=dict, verbose_name="shown")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waits for a decision"),
                            ("adopted", "Taken over"),
                            ("ignored", "Left alone"),
                            ("removing", "Being removed"),
                            ("removed", "Removed by staff"),
                            ("gone", "Not there any more"),
                        ],
                        default="open",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                ("found_at", models.DateTimeField(auto_now_add=True, verbose_name="found")),
                ("seen_at", models.DateTimeField(verbose_name="last seen")),
                ("decided_by", models.CharField(blank=True, max_length=150, verbose_name="decided by")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
                (
                    "access",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="strays",
                        to="vpnpanel.access",
                        verbose_name="access it may belong to",
                    ),
                ),
                (
                    "panel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="strays",
                        to="vpnpanel.panel",
                        verbose_name="panel",
                    ),
                ),
            ],
            options={
                "verbose_name": "account in quarantine",
                "verbose_name_plural": "quarantine",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("state", "open")), fields=["panel"], name="stray_open")
                ],
                "constraints": [models.UniqueConstraint(fields=("panel", "name"), name="stray_account_once")],
            },
        ),
        migrations.CreateModel(
            name="SyncFinding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=128, verbose_name="name on the panel")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("drift", "Other terms"),
                            ("missing", "Not on the panel"),
                            ("returned", "Came back after its removal"),
                            ("stray", "Unclear whose"),
                            ("unreadable", "Cannot be read"),
                        ],
                        max_length=10,
                        verbose_name="what",
                    ),
                ),
                ("details", models.JSONField(default=dict, verbose_name="details")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("applied", "Given to repair"),
                            ("held", "Waits for approval"),
                            ("approved", "Approved"),
                            ("dismissed", "Left as it is"),
                            ("overtaken", "Settled otherwise"),
                            ("noted", "Noted"),
                        ],
                        max_length=9,
                        verbose_name="what became of it",
                    ),
                ),
                ("found_at", models.DateTimeField(auto_now_add=True, verbose_name="found")),
                ("decided_by", models.CharField(blank=True, max_length=150, verbose_name="decided by")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
                (
                    "access",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="vpnpanel.access",
                        verbose_name="access",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="vpnpanel.panelaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "panel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="vpnpanel.panel",
                        verbose_name="panel",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="vpnpanel.syncrun",
                        verbose_name="full sync",
                    ),
                ),
            ],
            options={
                "verbose_name": "finding",
                "verbose_name_plural": "findings of full syncs",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "held")), fields=["panel"], name="finding_held"
                    ),
                    models.Index(fields=["found_at"], name="vpnpanel_sy_found_a_179515_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "name", "kind"), name="finding_once_a_run"),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["held", "dismissed"])),
                        fields=("account",),
                        name="finding_one_standing",
                    ),
                ],
            },
        ),
        migrations.RunPython(add_rule, migrations.RunPython.noop),
    ]
