import django.db.models.deletion
from django.db import migrations, models


def keep(apps, schema_editor):
    """Make a row of what was taken back, and let the first grants know whose terms they brought."""
    grants = apps.get_model("subscriptions", "Grant")
    take_backs = apps.get_model("subscriptions", "TakeBack")
    for grant in grants.objects.filter(state="revoked").iterator():
        take_backs.objects.create(
            grant=grant,
            by=f"revoked:{grant.pk}",
            seconds=grant.revoked_seconds,
            traffic=grant.revoked_traffic,
            devices=grant.revoked_devices,
            is_whole=True,
            actor="installation",
            taken_at=grant.revoked_at,
        )
        grant.queued_seconds -= grant.revoked_seconds
        grant.save(update_fields=["queued_seconds"])
    trials = grants.objects.filter(source__startswith="trial:").select_related("subscription__access")
    for grant in trials.iterator():
        grant.plan_id = grant.subscription.plan_id
        grant.group_ids = sorted(grant.subscription.access.groups.values_list("pk", flat=True))
        grant.save(update_fields=["plan_id", "group_ids"])


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0003_longest_plan")]
    operations = [
        migrations.AddField(
            "grant",
            "plan",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="grants",
                to="subscriptions.plan",
                verbose_name="plan",
            ),
        ),
        migrations.AddField("grant", "group_ids", models.JSONField(default=list, editable=False)),
        migrations.AddField(
            "grant",
            "kept_traffic",
            models.PositiveBigIntegerField(
                default=0, editable=False, help_text="Bytes left of the limit when these terms came."
            ),
        ),
        migrations.CreateModel(
            name="TakeBack",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("by", models.CharField(max_length=80, unique=True, verbose_name="what for")),
                ("seconds", models.PositiveBigIntegerField(verbose_name="seconds")),
                ("traffic", models.PositiveBigIntegerField(default=0, verbose_name="traffic, bytes")),
                ("devices", models.PositiveSmallIntegerField(default=0, verbose_name="devices")),
                (
                    "is_whole",
                    models.BooleanField(
                        default=False,
                        help_text="The grant's terms no longer count either.",
                        verbose_name="all that was unused",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("taken", "Taken back"), ("given_back", "Given back")],
                        default="taken",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("ends_before", models.DateTimeField(null=True, verbose_name="end before")),
                ("ends_after", models.DateTimeField(null=True, verbose_name="end after")),
                ("taken_at", models.DateTimeField(verbose_name="taken back at")),
                ("given_back_at", models.DateTimeField(null=True, verbose_name="given back at")),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="take_backs",
                        to="subscriptions.grant",
                        verbose_name="grant",
                    ),
                ),
            ],
            options={
                "verbose_name": "taking back",
                "verbose_name_plural": "takings back",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("given_back_at__isnull", True), ("state", "taken")),
                            models.Q(("given_back_at__isnull", False), ("state", "given_back")),
                            _connector="OR",
                        ),
                        name="take_back_given_back_has_time",
                    )
                ],
            },
        ),
        migrations.RemoveConstraint("grant", "grant_takes_back_no_more_than_given"),
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
