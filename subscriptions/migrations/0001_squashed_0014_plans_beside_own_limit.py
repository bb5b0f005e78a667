"""The tables as they stand, for a new installation; one made earlier goes the way of `replaces`."""

from typing import Any

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.crypto
import subscriptions.import_links
from core.schedules import add_interval
from subscriptions.known_apps import fill

INTERVALS = (
    ("subscriptions: expire", "subscriptions.tasks.expire_due", 5),
    ("subscriptions: paid but never connected", "subscriptions.tasks.hint_unconnected", 1800),
    ("subscriptions: traffic", "subscriptions.tasks.follow_traffic", 60),
    ("subscriptions: near their limit", "subscriptions.tasks.read_near_limit", 300),
)
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


def add_first_rows(apps: Any, schema_editor: Any) -> None:
    """Load schedules, the first plans and the apps we know. From then on they are the staff's."""
    for name, task, seconds in INTERVALS:
        add_interval(apps, name=name, task=task, seconds=seconds)
    rules = apps.get_model("core", "RetentionRule").objects
    rules.get_or_create(key="devices not seen", defaults={"days": 30})
    group = apps.get_model("vpnpanel", "PanelGroup").objects.get(code="main")
    plans = apps.get_model("subscriptions", "Plan").objects
    for position, values in enumerate(PLANS):
        plan, is_new = plans.get_or_create(
            code=values["code"], defaults={**ABOUT, **values, "position": position * 10}
        )
        if is_new:
            plan.groups.add(group)
    fill(apps)


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("subscriptions", "0001_initial"),
        ("subscriptions", "0002_plans"),
        ("subscriptions", "0003_longest_plan"),
        ("subscriptions", "0004_take_backs"),
        ("subscriptions", "0005_one_way_to_take_back"),
        ("subscriptions", "0006_many_panels"),
        ("subscriptions", "0007_client_apps"),
        ("subscriptions", "0008_known_apps"),
        ("subscriptions", "0009_link_rules"),
        ("subscriptions", "0010_devices"),
        ("subscriptions", "0011_allowances"),
        ("subscriptions", "0012_near_limit"),
        ("subscriptions", "0013_periods"),
        ("subscriptions", "0014_plans_beside_own_limit"),
    ]
    dependencies = [
        ("core", "0002_schedules"),
        ("vpnpanel", "0001_squashed_0012_moves"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ClientApp",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "code",
                    models.SlugField(
                        help_text="Part of addresses; keep it.",
                        max_length=32,
                        unique=True,
                        verbose_name="code",
                    ),
                ),
                ("name", models.CharField(max_length=40, verbose_name="name")),
                (
                    "link_template",
                    models.CharField(
                        blank=True,
                        help_text="The app's own scheme with {u} (the link as it is), {e} (percent-encoded), {b} (base64) and {n} (the shop's name). Empty: customers copy the link.",
                        max_length=200,
                        validators=[subscriptions.import_links.check_template],
                        verbose_name="address that imports",
                    ),
                ),
                (
                    "tells_device",
                    models.BooleanField(
                        default=False,
                        help_text="It sends x-hwid. Only such apps work on plans with a strict limit of devices.",
                        verbose_name="tells which device it is on",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="offered")),
                (
                    "guide_en",
                    models.TextField(
                        blank=True,
                        help_text="One step a line. Empty: the usual steps.",
                        max_length=1500,
                        verbose_name="what to do, English",
                    ),
                ),
                (
                    "guide_ru",
                    models.TextField(blank=True, max_length=1500, verbose_name="what to do, Russian"),
                ),
            ],
            options={
                "verbose_name": "app",
                "verbose_name_plural": "apps",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "panel_count",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="On how many panels the key works at the same time. 0: on all panels of the groups.",
                        verbose_name="panels at once",
                    ),
                ),
                (
                    "traffic_reset",
                    models.CharField(
                        choices=[
                            ("renewal", "With each renewal"),
                            ("monthly", "Every month, on the day it began"),
                            ("never", "Never: what is bought adds up"),
                        ],
                        default="renewal",
                        max_length=8,
                        verbose_name="traffic starts anew",
                    ),
                ),
                (
                    "carries_over",
                    models.BooleanField(
                        default=True,
                        help_text="When traffic starts anew, what is left adds to it.",
                        verbose_name="unused traffic is kept",
                    ),
                ),
                (
                    "device_mode",
                    models.CharField(
                        choices=[
                            ("off", "Not counted"),
                            ("soft", "Counted where the app tells; others pass"),
                            ("strict", "Only apps that tell which device they are on"),
                        ],
                        default="off",
                        max_length=6,
                        verbose_name="devices are",
                    ),
                ),
                ("code", models.SlugField(unique=True, verbose_name="code")),
                ("name_en", models.CharField(max_length=60, verbose_name="name, English")),
                ("name_ru", models.CharField(max_length=60, verbose_name="name, Russian")),
                (
                    "about_en",
                    models.CharField(blank=True, max_length=300, verbose_name="what it contains, English"),
                ),
                (
                    "about_ru",
                    models.CharField(blank=True, max_length=300, verbose_name="what it contains, Russian"),
                ),
                ("is_trial", models.BooleanField(default=False, verbose_name="trial")),
                (
                    "days",
                    models.PositiveSmallIntegerField(
                        validators=[django.core.validators.MaxValueValidator(3660)], verbose_name="days"
                    ),
                ),
                (
                    "traffic_limit",
                    models.PositiveBigIntegerField(
                        default=0, help_text="0: no limit.", verbose_name="traffic, bytes"
                    ),
                ),
                (
                    "devices",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="0: no limit.", verbose_name="devices"
                    ),
                ),
                ("is_open", models.BooleanField(default=True, verbose_name="on sale")),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                (
                    "groups",
                    models.ManyToManyField(
                        related_name="plans", to="vpnpanel.panelgroup", verbose_name="panel groups"
                    ),
                ),
            ],
            options={
                "verbose_name": "plan",
                "verbose_name_plural": "plans",
                "ordering": ["position", "id"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("days__gte", 1)), name="plan_has_days"),
                    models.UniqueConstraint(
                        condition=models.Q(("is_open", True), ("is_trial", True)),
                        fields=("is_trial",),
                        name="plan_one_open_trial",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "panel_count",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="On how many panels the key works at the same time. 0: on all panels of the groups.",
                        verbose_name="panels at once",
                    ),
                ),
                (
                    "traffic_reset",
                    models.CharField(
                        choices=[
                            ("renewal", "With each renewal"),
                            ("monthly", "Every month, on the day it began"),
                            ("never", "Never: what is bought adds up"),
                        ],
                        default="renewal",
                        max_length=8,
                        verbose_name="traffic starts anew",
                    ),
                ),
                (
                    "carries_over",
                    models.BooleanField(
                        default=True,
                        help_text="When traffic starts anew, what is left adds to it.",
                        verbose_name="unused traffic is kept",
                    ),
                ),
                (
                    "device_mode",
                    models.CharField(
                        choices=[
                            ("off", "Not counted"),
                            ("soft", "Counted where the app tells; others pass"),
                            ("strict", "Only apps that tell which device they are on"),
                        ],
                        default="off",
                        max_length=6,
                        verbose_name="devices are",
                    ),
                ),
                ("source", models.CharField(max_length=80, unique=True, verbose_name="source")),
                ("seconds", models.PositiveBigIntegerField(verbose_name="seconds")),
                ("traffic", models.PositiveBigIntegerField(default=0, verbose_name="traffic, bytes")),
                ("devices", models.PositiveSmallIntegerField(default=0, verbose_name="devices")),
                ("group_ids", models.JSONField(default=list, editable=False)),
                (
                    "kept_traffic",
                    models.PositiveBigIntegerField(
                        default=0, editable=False, help_text="Bytes left of the limit when these terms came."
                    ),
                ),
                (
                    "began_at",
                    models.DateTimeField(
                        help_text="Empty: its traffic waits for its time to come.",
                        null=True,
                        verbose_name="traffic began",
                    ),
                ),
                ("place", models.PositiveIntegerField(editable=False)),
                ("queued_seconds", models.PositiveBigIntegerField(editable=False)),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("ends_before", models.DateTimeField(null=True, verbose_name="end before")),
                ("ends_after", models.DateTimeField(verbose_name="end after")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="time")),
                (
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
            ],
            options={
                "verbose_name": "grant",
                "verbose_name_plural": "grants",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("queued_seconds__lte", models.F("seconds"))),
                        name="grant_queues_no_more_than_given",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "panel_count",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="On how many panels the key works at the same time. 0: on all panels of the groups.",
                        verbose_name="panels at once",
                    ),
                ),
                (
                    "traffic_reset",
                    models.CharField(
                        choices=[
                            ("renewal", "With each renewal"),
                            ("monthly", "Every month, on the day it began"),
                            ("never", "Never: what is bought adds up"),
                        ],
                        default="renewal",
                        max_length=8,
                        verbose_name="traffic starts anew",
                    ),
                ),
                (
                    "carries_over",
                    models.BooleanField(
                        default=True,
                        help_text="When traffic starts anew, what is left adds to it.",
                        verbose_name="unused traffic is kept",
                    ),
                ),
                (
                    "device_mode",
                    models.CharField(
                        choices=[
                            ("off", "Not counted"),
                            ("soft", "Counted where the app tells; others pass"),
                            ("strict", "Only apps that tell which device they are on"),
                        ],
                        default="off",
                        max_length=6,
                        verbose_name="devices are",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("expired", "Expired")],
                        default="active",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("is_disabled", models.BooleanField(default=False, verbose_name="disabled by staff")),
                (
                    "disabled_reason",
                    models.CharField(blank=True, max_length=300, verbose_name="why disabled"),
                ),
                ("expires_at", models.DateTimeField(verbose_name="ends")),
                (
                    "reminded_end",
                    models.DateTimeField(
                        editable=False, help_text="The end the customer knows to be near.", null=True
                    ),
                ),
                (
                    "allowance_from",
                    models.PositiveBigIntegerField(
                        default=0,
                        editable=False,
                        help_text="How many bytes had flowed when traffic last started anew.",
                    ),
                ),
                (
                    "allowance_extra",
                    models.PositiveBigIntegerField(
                        default=0,
                        editable=False,
                        help_text="Bytes of the limit that do not lapse at the next start.",
                    ),
                ),
                (
                    "allowance_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="traffic started anew"),
                ),
                (
                    "resets_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="traffic starts anew"),
                ),
                (
                    "own_limit",
                    models.PositiveBigIntegerField(
                        editable=False,
                        help_text="0: no limit.",
                        null=True,
                        verbose_name="limit set by staff, bytes",
                    ),
                ),
                ("plans_limit", models.PositiveBigIntegerField(default=0, editable=False)),
                ("plans_extra", models.PositiveBigIntegerField(default=0, editable=False)),
                ("told_percent", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("token", core.crypto.EncryptedTextField(editable=False)),
                ("token_hash", models.CharField(editable=False, max_length=64, unique=True)),
                (
                    "link_changed_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="link replaced"),
                ),
                (
                    "first_fetched_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="first fetched by an app"),
                ),
                (
                    "last_fetched_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last fetched by an app"),
                ),
                (
                    "last_app",
                    models.CharField(blank=True, editable=False, max_length=128, verbose_name="app"),
                ),
                (
                    "hinted_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When the customer was asked whether they need help to connect.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                (
                    "access",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscription",
                        to="vpnpanel.access",
                        verbose_name="access",
                    ),
                ),
                (
                    "allowance_grant",
                    models.ForeignKey(
                        editable=False,
                        help_text="Whose time runs.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="subscriptions.grant",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="subscriptions.plan",
                        verbose_name="plan",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="customer",
                    ),
                ),
            ],
            options={
                "verbose_name": "subscription",
                "verbose_name_plural": "subscriptions",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "active")),
                        fields=["expires_at"],
                        name="subscription_to_expire",
                    ),
                    models.Index(
                        condition=models.Q(("first_fetched_at__isnull", True), ("state", "active")),
                        fields=["created_at"],
                        name="subscription_not_connected",
                    ),
                    models.Index(
                        condition=models.Q(("resets_at__isnull", False)),
                        fields=["resets_at"],
                        name="subscription_to_reset",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="grant",
            name="subscription",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="grants",
                to="subscriptions.subscription",
                verbose_name="subscription",
            ),
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hwid_hash", models.CharField(editable=False, max_length=64)),
                ("platform", models.CharField(blank=True, max_length=128, verbose_name="system")),
                (
                    "os_version",
                    models.CharField(blank=True, max_length=128, verbose_name="version of the system"),
                ),
                ("model", models.CharField(blank=True, max_length=128, verbose_name="model")),
                ("app", models.CharField(blank=True, max_length=128, verbose_name="app")),
                ("first_seen_at", models.DateTimeField(verbose_name="first seen")),
                ("last_seen_at", models.DateTimeField(db_index=True, verbose_name="last seen")),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="devices",
                        to="subscriptions.subscription",
                        verbose_name="subscription",
                    ),
                ),
            ],
            options={
                "verbose_name": "device",
                "verbose_name_plural": "devices",
                "ordering": ["-last_seen_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("subscription", "hwid_hash"), name="device_has_one_place")
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionRules",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("only", models.BooleanField(default=True, editable=False, unique=True)),
                (
                    "update_hours",
                    models.PositiveSmallIntegerField(
                        default=12,
                        help_text="What apps are advised; their owners may have set another interval.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(168),
                        ],
                        verbose_name="apps refresh every, hours",
                    ),
                ),
                (
                    "announce_en",
                    models.CharField(
                        blank=True,
                        help_text="Shown in apps that have a place for it. Empty: none.",
                        max_length=200,
                        verbose_name="announcement, English",
                    ),
                ),
                (
                    "announce_ru",
                    models.CharField(blank=True, max_length=200, verbose_name="announcement, Russian"),
                ),
                (
                    "fetches_per_minute",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="How often one link may be fetched; more is told to come back later.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="fetches a minute",
                    ),
                ),
                (
                    "device_removals",
                    models.PositiveSmallIntegerField(
                        default=5,
                        help_text="Else one link would serve a crowd in turns. Staff may always.",
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="devices a customer may remove a day",
                    ),
                ),
            ],
            options={
                "verbose_name": "rules for links",
                "verbose_name_plural": "rules for links",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("only", True)), name="subscription_rules_only_one"
                    )
                ],
            },
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
        migrations.CreateModel(
            name="TrialUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identity_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "subscription",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="trial_uses",
                        to="subscriptions.subscription",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AppPlace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "platform",
                    models.CharField(
                        choices=[
                            ("ios", "iPhone, iPad"),
                            ("android", "Android"),
                            ("windows", "Windows"),
                            ("macos", "macOS"),
                            ("linux", "Linux"),
                            ("tv", "Android TV"),
                            ("appletv", "Apple TV"),
                        ],
                        max_length=8,
                        verbose_name="platform",
                    ),
                ),
                (
                    "store_url",
                    models.URLField(
                        blank=True,
                        validators=[django.core.validators.URLValidator(schemes=["https"])],
                        verbose_name="where to get it",
                    ),
                ),
                (
                    "russian_store_url",
                    models.URLField(
                        blank=True,
                        help_text="Only where that is another page.",
                        validators=[django.core.validators.URLValidator(schemes=["https"])],
                        verbose_name="where to get it in Russia",
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        default=50, help_text="The lowest is recommended.", verbose_name="order"
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="places",
                        to="subscriptions.clientapp",
                        verbose_name="app",
                    ),
                ),
            ],
            options={
                "verbose_name": "app on a platform",
                "verbose_name_plural": "platforms",
                "ordering": ["position", "id"],
                "constraints": [models.UniqueConstraint(fields=("app", "platform"), name="app_place_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.UniqueConstraint(fields=("subscription", "place"), name="grant_place_once"),
        ),
        migrations.RunPython(add_first_rows, migrations.RunPython.noop),
    ]
