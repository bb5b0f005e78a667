"""The tables as they stand, for a new installation; one made earlier goes the way of `replaces`."""

from typing import Any

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.crypto
import vpnpanel.models.panels
from core.schedules import add_daily, add_interval, add_weekly

INTERVALS = (
    ("panels: reconcile", "vpnpanel.tasks.reconcile_due", 5),
    ("panels: probe", "vpnpanel.tasks.probe_panels", 15),
    ("panels: full sync", "vpnpanel.tasks.sync_panels", 2 * 3600),
    ("panels: figures", "vpnpanel.tasks.read_figures", 900),
    ("panels: test those in doubt", "vpnpanel.tasks.test_doubtful_panels", 1800),
    ("panels: read what they point at", "vpnpanel.tasks.read_pointed", 30),
    ("panels: places", "vpnpanel.tasks.place_missing", 60),
    ("panels: alert of outages", "vpnpanel.tasks.alert_outages", 60),
    ("panels: moves", "vpnpanel.tasks.work_moves", 5),
)
KEPT_DAYS = {
    "panel accounts after the end": 30,
    "full syncs": 90,
    "traffic by day": 400,
    "findings of full syncs": 30,
    "outages": 400,
}


def add_first_rows(apps: Any, schema_editor: Any) -> None:
    """Load schedules, rules of retention and the first group. From then on they are the staff's."""
    for name, task, seconds in INTERVALS:
        add_interval(apps, name=name, task=task, seconds=seconds)
    add_weekly(
        apps, name="clean-up: accounts long expired", task="vpnpanel.tasks.clean_up", weekday="1", hour="4"
    )
    add_daily(apps, name="panels: contract test", task="vpnpanel.tasks.test_panels", hour="2")
    rules = apps.get_model("core", "RetentionRule").objects
    for key, days in KEPT_DAYS.items():
        rules.get_or_create(key=key, defaults={"days": days})
    apps.get_model("vpnpanel", "PanelGroup").objects.get_or_create(code="main", defaults={"name": "Main"})


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("vpnpanel", "0001_initial"),
        ("vpnpanel", "0002_schedules"),
        ("vpnpanel", "0003_load"),
        ("vpnpanel", "0004_addresses"),
        ("vpnpanel", "0005_many_panels"),
        ("vpnpanel", "0006_usage"),
        ("vpnpanel", "0007_keys_and_guard"),
        ("vpnpanel", "0008_syncs"),
        ("vpnpanel", "0009_places"),
        ("vpnpanel", "0010_outages"),
        ("vpnpanel", "0011_devices"),
        ("vpnpanel", "0012_moves"),
    ]
    dependencies = [
        ("accounts", "0001_initial"),
        ("core", "0002_schedules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Panel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[("marzban", "Marzban"), ("xui", "3x-ui")],
                        default="marzban",
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "base_url",
                    models.CharField(
                        max_length=300,
                        validators=[vpnpanel.models.panels.require_web_address],
                        verbose_name="address",
                    ),
                ),
                ("username", models.CharField(blank=True, max_length=100, verbose_name="administrator")),
                ("password", core.crypto.EncryptedTextField(blank=True, default="", verbose_name="password")),
                (
                    "token",
                    core.crypto.EncryptedTextField(
                        blank=True,
                        default="",
                        help_text="3x-ui from version 3 on: used instead of a password.",
                        verbose_name="API token",
                    ),
                ),
                (
                    "totp_secret",
                    core.crypto.EncryptedTextField(
                        blank=True,
                        default="",
                        help_text="3x-ui: the text behind the QR code, where its administrator signs in with a code.",
                        verbose_name="secret of the second factor",
                    ),
                ),
                (
                    "webhook_secret",
                    core.crypto.EncryptedTextField(
                        blank=True,
                        default="",
                        help_text="Marzban: the WEBHOOK_SECRET of its settings. Empty: its webhooks are not listened to.",
                        verbose_name="secret of its webhooks",
                    ),
                ),
                ("verify_tls", models.BooleanField(default=True, verbose_name="check the certificate")),
                (
                    "inbounds",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='Those to sell, by protocol: {"vless": ["VLESS TCP REALITY"]}. Empty: all the panel has.',
                        validators=[vpnpanel.models.panels.require_inbounds],
                        verbose_name="inbounds",
                    ),
                ),
                (
                    "public_host",
                    models.CharField(
                        blank=True,
                        help_text="Where customers connect to, if that is another host than the panel's. 3x-ui only.",
                        max_length=255,
                        verbose_name="host of the keys",
                    ),
                ),
                (
                    "location",
                    models.CharField(blank=True, max_length=60, verbose_name="location shown to customers"),
                ),
                (
                    "capacity",
                    models.PositiveIntegerField(
                        default=0, help_text="Accounts; 0: no limit.", verbose_name="capacity"
                    ),
                ),
                (
                    "weight",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="A panel of weight 2 gets twice as many customers as one of weight 1.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="weight",
                    ),
                ),
                (
                    "monthly_cost",
                    models.DecimalField(
                        decimal_places=2,
                        default=0,
                        max_digits=10,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="monthly cost",
                    ),
                ),
                (
                    "cost_currency",
                    models.CharField(
                        choices=[("RUB", "RUB"), ("USD", "USD"), ("EUR", "EUR")],
                        default="RUB",
                        max_length=4,
                        verbose_name="currency",
                    ),
                ),
                (
                    "holds_changes",
                    models.BooleanField(
                        default=False,
                        help_text="Differences wait for staff to approve them instead of being repaired at once.",
                        verbose_name="hold what a full sync finds",
                    ),
                ),
                (
                    "load",
                    models.PositiveIntegerField(default=0, editable=False, verbose_name="accounts placed"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open for sale"),
                            ("closed", "Closed for sale, still serving"),
                            ("draining", "Draining: still serving, its customers are moved away"),
                            ("lost", "Lost: move its customers away"),
                            ("off", "Switched off"),
                        ],
                        default="open",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("is_up", models.BooleanField(default=True, editable=False, verbose_name="answers")),
                ("up_changed_at", models.DateTimeField(editable=False, null=True)),
                ("seen_at", models.DateTimeField(editable=False, null=True, verbose_name="last answer")),
                ("error", models.TextField(blank=True, editable=False, verbose_name="last error")),
                (
                    "version",
                    models.CharField(blank=True, editable=False, max_length=40, verbose_name="version"),
                ),
                (
                    "dialect",
                    models.CharField(blank=True, editable=False, max_length=12, verbose_name="dialect"),
                ),
                (
                    "guard",
                    models.CharField(
                        choices=[
                            ("untested", "Not tested yet"),
                            ("passed", "Passed"),
                            ("failed", "Failed: closed for sale"),
                        ],
                        default="untested",
                        editable=False,
                        max_length=8,
                        verbose_name="contract test",
                    ),
                ),
                (
                    "guard_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last contract test"),
                ),
                ("guard_report", models.JSONField(default=dict, editable=False)),
                ("figures", models.JSONField(default=dict, editable=False, verbose_name="figures")),
                ("figures_at", models.DateTimeField(editable=False, null=True)),
                ("synced_at", models.DateTimeField(editable=False, null=True, verbose_name="last full sync")),
            ],
            options={
                "verbose_name": "panel",
                "verbose_name_plural": "panels",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("base_url", "username"), name="panel_address_and_admin_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PanelGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
            ],
            options={
                "verbose_name": "panel group",
                "verbose_name_plural": "panel groups",
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="Access",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("claim_token", models.UUIDField(editable=False, null=True)),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("until", models.DateTimeField(verbose_name="until")),
                (
                    "traffic_limit",
                    models.PositiveBigIntegerField(
                        default=0, help_text="0: no limit.", verbose_name="traffic limit, bytes"
                    ),
                ),
                (
                    "devices",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="0: no limit.", verbose_name="devices"
                    ),
                ),
                (
                    "enforces_devices",
                    models.BooleanField(
                        default=False,
                        help_text="Panels that can count who is connected at once keep to the number of devices.",
                        verbose_name="panels count devices",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                (
                    "is_gone",
                    models.BooleanField(
                        default=False,
                        help_text="Its accounts are to be deleted from the panels.",
                        verbose_name="removed",
                    ),
                ),
                (
                    "panel_count",
                    models.PositiveSmallIntegerField(
                        default=1, help_text="0: all panels of its groups.", verbose_name="panels at once"
                    ),
                ),
                (
                    "location",
                    models.CharField(
                        blank=True,
                        help_text="As chosen by the customer. Empty: any.",
                        max_length=60,
                        verbose_name="wanted location",
                    ),
                ),
                (
                    "location_chosen_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="location chosen"),
                ),
                (
                    "key_epoch",
                    models.PositiveIntegerField(default=0, verbose_name="times the keys were changed"),
                ),
                ("generation", models.PositiveIntegerField(default=1, verbose_name="generation")),
                (
                    "applied_generation",
                    models.PositiveIntegerField(default=0, verbose_name="applied generation"),
                ),
                ("is_dirty", models.BooleanField(default=True, verbose_name="to be applied")),
                ("announce", models.BooleanField(default=False, editable=False)),
                ("changed_at", models.DateTimeField(auto_now_add=True, verbose_name="changed")),
                ("applied_at", models.DateTimeField(null=True, verbose_name="applied")),
                (
                    "first_used_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="first traffic seen"),
                ),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="failed attempts")),
                ("next_try_at", models.DateTimeField(null=True, verbose_name="next try")),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accesses",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="customer",
                    ),
                ),
                ("groups", models.ManyToManyField(to="vpnpanel.panelgroup", verbose_name="panel groups")),
            ],
            options={
                "verbose_name": "access",
                "verbose_name_plural": "accesses",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_dirty", True)), fields=["-changed_at"], name="access_dirty"
                    ),
                    models.Index(fields=["until"], name="vpnpanel_ac_until_83ea28_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("applied_generation__lte", models.F("generation"))),
                        name="access_applied_not_ahead",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Move",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Under way"),
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
                ("is_back", models.BooleanField(default=False, verbose_name="on the way back")),
                (
                    "batch",
                    models.PositiveSmallIntegerField(
                        default=10,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(200),
                        ],
                        verbose_name="customers at a time",
                    ),
                ),
                ("trouble", models.TextField(blank=True, verbose_name="why it stands still")),
                ("asked_by", models.CharField(max_length=150, verbose_name="asked by")),
                ("total", models.PositiveIntegerField(default=0, verbose_name="customers")),
                ("moved", models.PositiveIntegerField(default=0, verbose_name="moved")),
                ("failed", models.PositiveIntegerField(default=0, verbose_name="not moved")),
                ("returned", models.PositiveIntegerField(default=0, verbose_name="moved back")),
                ("started_at", models.DateTimeField(auto_now_add=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moves_away",
                        to="vpnpanel.panel",
                        verbose_name="from",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moves_here",
                        to="vpnpanel.panel",
                        verbose_name="to",
                    ),
                ),
            ],
            options={
                "verbose_name": "move",
                "verbose_name_plural": "moves",
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["running", "paused"])),
                        fields=("source",),
                        name="move_one_open_by_source",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PanelAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=128, verbose_name="account name")),
                (
                    "placement",
                    models.CharField(
                        choices=[
                            ("joining", "Being made"),
                            ("serving", "Serving"),
                            ("leaving", "Being removed"),
                            ("gone", "Removed"),
                        ],
                        default="joining",
                        max_length=8,
                        verbose_name="placement",
                    ),
                ),
                (
                    "applied_generation",
                    models.PositiveIntegerField(default=0, verbose_name="applied generation"),
                ),
                (
                    "observed_status",
                    models.CharField(blank=True, max_length=20, verbose_name="status on the panel"),
                ),
                ("observed_until", models.DateTimeField(null=True, verbose_name="until, on the panel")),
                (
                    "observed_limit",
                    models.PositiveBigIntegerField(default=0, verbose_name="limit on the panel, bytes"),
                ),
                ("credentials", core.crypto.EncryptedTextField(blank=True, default="", editable=False)),
                ("credentials_epoch", models.PositiveIntegerField(default=0, editable=False)),
                ("key_epoch", models.PositiveIntegerField(default=0, editable=False)),
                ("pointed_at", models.DateTimeField(editable=False, null=True)),
                ("links", models.JSONField(default=list)),
                ("counter", models.PositiveBigIntegerField(default=0)),
                ("used_bytes", models.PositiveBigIntegerField(default=0, verbose_name="used, bytes")),
                ("online_at", models.DateTimeField(null=True, verbose_name="last online")),
                ("observed_at", models.DateTimeField(null=True, verbose_name="observed")),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                ("joined_at", models.DateTimeField(auto_now_add=True, verbose_name="made")),
                ("serving_at", models.DateTimeField(null=True, verbose_name="serving since")),
                ("leaving_at", models.DateTimeField(null=True, verbose_name="given up")),
                ("gone_at", models.DateTimeField(null=True, verbose_name="removed")),
                (
                    "access",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="vpnpanel.access",
                        verbose_name="access",
                    ),
                ),
                (
                    "panel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="vpnpanel.panel",
                        verbose_name="panel",
                    ),
                ),
            ],
            options={
                "verbose_name": "panel account",
                "verbose_name_plural": "panel accounts",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["panel", "placement"], name="vpnpanel_pa_panel_i_faad35_idx"),
                    models.Index(
                        condition=models.Q(("pointed_at__isnull", False)),
                        fields=["pointed_at"],
                        name="panel_account_pointed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("panel", "name"), name="panel_account_name_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("placement__in", ["joining", "serving"])),
                        fields=("access", "panel"),
                        name="panel_account_one_live",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MoveItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("moving", "Moving"),
                            ("moved", "Moved"),
                            ("failed", "Could not be moved"),
                            ("withdrawn", "Withdrawn"),
                            ("returning", "Moving back"),
                            ("returned", "Moved back"),
                        ],
                        default="moving",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("error", models.TextField(blank=True, verbose_name="error")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "access",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moves",
                        to="vpnpanel.access",
                        verbose_name="access",
                    ),
                ),
                (
                    "move",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="vpnpanel.move",
                        verbose_name="move",
                    ),
                ),
                (
                    "from_account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moves_away",
                        to="vpnpanel.panelaccount",
                        verbose_name="old account",
                    ),
                ),
                (
                    "to_account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moves_here",
                        to="vpnpanel.panelaccount",
                        verbose_name="new account",
                    ),
                ),
            ],
            options={
                "verbose_name": "customer of a move",
                "verbose_name_plural": "customers of moves",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["move", "state"], name="vpnpanel_mo_move_id_995bdf_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("move", "access"), name="move_item_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["moving", "returning"])),
                        fields=("access",),
                        name="move_item_one_open",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="panel",
            name="groups",
            field=models.ManyToManyField(
                related_name="panels", to="vpnpanel.panelgroup", verbose_name="groups"
            ),
        ),
        migrations.CreateModel(
            name="PanelRules",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("only", models.BooleanField(default=True, editable=False, unique=True)),
                (
                    "alert_after_minutes",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="A panel that has not answered for so long is an outage that staff are told of.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1440),
                        ],
                        verbose_name="alert staff after, minutes",
                    ),
                ),
            ],
            options={
                "verbose_name": "rules for panels",
                "verbose_name_plural": "rules for panels",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("only", True)), name="panel_rules_only_one")
                ],
            },
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
            name="SyncRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField(auto_now_add=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("calls", models.PositiveIntegerField(default=0, verbose_name="calls")),
                ("accounts", models.PositiveIntegerField(default=0, verbose_name="accounts of ours")),
                ("foreign", models.PositiveIntegerField(default=0, verbose_name="foreign accounts")),
                ("drifted", models.PositiveIntegerField(default=0, verbose_name="drifted")),
                ("missing", models.PositiveIntegerField(default=0, verbose_name="missing")),
                ("returned", models.PositiveIntegerField(default=0, verbose_name="came back")),
                ("strays", models.PositiveIntegerField(default=0, verbose_name="new in quarantine")),
                ("unreadable", models.PositiveIntegerField(default=0, verbose_name="unreadable")),
                ("relimited", models.PositiveIntegerField(default=0, verbose_name="limits to follow")),
                ("held", models.PositiveIntegerField(default=0, verbose_name="held for approval")),
                (
                    "findings_left_out",
                    models.PositiveIntegerField(default=0, verbose_name="findings beyond those kept"),
                ),
                ("error", models.TextField(blank=True, verbose_name="error")),
                (
                    "panel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sync_runs",
                        to="vpnpanel.panel",
                        verbose_name="panel",
                    ),
                ),
            ],
            options={
                "verbose_name": "full sync",
                "verbose_name_plural": "full syncs",
                "ordering": ["-id"],
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
        migrations.CreateModel(
            name="AccessUsage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(db_index=True, verbose_name="day")),
                ("bytes", models.PositiveBigIntegerField(verbose_name="traffic, bytes")),
                (
                    "access",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage",
                        to="vpnpanel.access",
                        verbose_name="access",
                    ),
                ),
            ],
            options={
                "verbose_name": "traffic of a day",
                "verbose_name_plural": "traffic by day",
                "ordering": ["-day"],
                "constraints": [
                    models.UniqueConstraint(fields=("access", "day"), name="access_usage_once_a_day")
                ],
            },
        ),
        migrations.CreateModel(
            name="Outage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("began_at", models.DateTimeField(verbose_name="began")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("error", models.TextField(blank=True, verbose_name="error")),
                ("alerted_at", models.DateTimeField(null=True, verbose_name="staff alerted")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled by staff")),
                ("told_at", models.DateTimeField(null=True, verbose_name="customers told")),
                (
                    "credit",
                    models.CharField(
                        choices=[
                            ("none", "No days given"),
                            ("given", "Days given"),
                            ("undone", "Days taken back"),
                        ],
                        default="none",
                        max_length=6,
                        verbose_name="credit",
                    ),
                ),
                ("credit_days", models.PositiveSmallIntegerField(default=0, verbose_name="days given")),
                ("credit_reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                (
                    "panel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="outages",
                        to="vpnpanel.panel",
                        verbose_name="panel",
                    ),
                ),
            ],
            options={
                "verbose_name": "outage",
                "verbose_name_plural": "outages",
                "ordering": ["-began_at", "-id"],
                "indexes": [
                    models.Index(fields=["panel", "-began_at"], name="outage_of_panel"),
                    models.Index(
                        condition=models.Q(("alerted_at__isnull", False), ("settled_at__isnull", True)),
                        fields=["alerted_at"],
                        name="outage_unsettled",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("panel",),
                        name="outage_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", True),
                            ("ended_at__gte", models.F("began_at")),
                            _connector="OR",
                        ),
                        name="outage_ends_after_it_began",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("credit", "none"), ("credit_days", 0)),
                            models.Q(models.Q(("credit", "none"), _negated=True), ("credit_days__gte", 1)),
                            _connector="OR",
                        ),
                        name="outage_credit_has_days",
                    ),
                ],
            },
        ),
        migrations.RunPython(add_first_rows, migrations.RunPython.noop),
    ]
