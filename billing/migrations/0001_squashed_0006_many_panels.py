"""The tables as they stand, for a new installation; one made earlier goes the way of `replaces`."""

import uuid
from decimal import Decimal
from typing import Any

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.crypto
from core.schedules import add_daily, add_interval

INTERVALS = (
    ("money: notices", "billing.tasks.work_notices", 5),
    ("money: send and read back payments", "billing.tasks.work_payments", 5),
    ("money: give what is paid", "billing.tasks.fulfil_due", 5),
    ("money: refunds", "billing.tasks.work_refunds", 10),
    ("money: paid but not active", "billing.tasks.alert_stuck", 60),
    ("money: close unpaid orders", "billing.tasks.close_stale_orders", 600),
    ("money: compare a day with the provider", "billing.tasks.sweep_payments", 3600),
)
PRICES = {"month": Decimal("299"), "quarter": Decimal("799"), "year": Decimal("2999")}


def add_first_rows(apps: Any, schema_editor: Any) -> None:
    """Load schedules and the first prices. From then on they are the staff's."""
    for name, task, seconds in INTERVALS:
        add_interval(apps, name=name, task=task, seconds=seconds)
    add_daily(
        apps, name="money: compare eight days with the provider", task="billing.tasks.sweep_nightly", hour="1"
    )
    apps.get_model("core", "RetentionRule").objects.get_or_create(key="notice bodies", defaults={"days": 90})
    prices = apps.get_model("billing", "Price").objects
    for plan in apps.get_model("subscriptions", "Plan").objects.filter(code__in=PRICES):
        prices.get_or_create(plan=plan, currency="RUB", defaults={"amount": PRICES[plan.code]})


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("billing", "0001_initial"),
        ("billing", "0002_prices"),
        ("billing", "0003_money"),
        ("billing", "0004_schedules"),
        ("billing", "0005_lists"),
        ("billing", "0006_many_panels"),
    ]
    dependencies = [
        ("accounts", "0003_documents"),
        ("core", "0002_schedules"),
        ("subscriptions", "0001_squashed_0014_plans_beside_own_limit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BillingRules",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("only", models.BooleanField(default=True, editable=False, unique=True)),
                (
                    "refund_days",
                    models.PositiveSmallIntegerField(
                        default=14,
                        help_text="After that staff may still refund, with a reason.",
                        validators=[django.core.validators.MaxValueValidator(1095)],
                        verbose_name="refund within, days",
                    ),
                ),
                (
                    "extra_money",
                    models.CharField(
                        choices=[("credit", "Keep it as the customer's credit"), ("refund", "Send it back")],
                        default="credit",
                        max_length=8,
                        verbose_name="money paid twice, or for what cannot be given",
                    ),
                ),
            ],
            options={
                "verbose_name": "rules for money",
                "verbose_name_plural": "rules for money",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("only", True)), name="billing_rules_only_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("claim_token", models.UUIDField(editable=False, null=True)),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
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
                    "kind",
                    models.CharField(
                        choices=[("new", "New subscription"), ("renewal", "Renewal")],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waiting for payment"),
                            ("paid", "Paid, not given yet"),
                            ("fulfilled", "Fulfilled"),
                            ("refused", "Paid, refused"),
                            ("closed", "Closed unpaid"),
                            ("refunded", "Refunded"),
                        ],
                        default="open",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("plan_name_en", models.CharField(max_length=60)),
                ("plan_name_ru", models.CharField(max_length=60)),
                ("days", models.PositiveSmallIntegerField(verbose_name="days")),
                ("traffic_limit", models.PositiveBigIntegerField(verbose_name="traffic, bytes")),
                ("devices", models.PositiveSmallIntegerField(verbose_name="devices")),
                ("group_ids", models.JSONField(default=list)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="amount")),
                (
                    "currency",
                    models.CharField(choices=[("RUB", "RUB")], max_length=4, verbose_name="currency"),
                ),
                ("refusal", models.CharField(blank=True, max_length=300, verbose_name="why refused")),
                ("fulfilment_error", models.TextField(blank=True, verbose_name="why not given yet")),
                (
                    "fulfilment_tries",
                    models.PositiveSmallIntegerField(default=0, verbose_name="tries to give"),
                ),
                ("next_try_at", models.DateTimeField(editable=False, null=True)),
                ("alerted_at", models.DateTimeField(null=True, verbose_name="staff alerted")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("paid_at", models.DateTimeField(null=True, verbose_name="paid")),
                ("fulfilled_at", models.DateTimeField(null=True, verbose_name="fulfilled")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                (
                    "offer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.document",
                        verbose_name="accepted offer",
                    ),
                ),
                (
                    "payer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="payer",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="subscriptions.plan",
                        verbose_name="plan",
                    ),
                ),
                (
                    "receiver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="received_orders",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="receiver",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="subscriptions.subscription",
                        verbose_name="subscription",
                    ),
                ),
            ],
            options={
                "verbose_name": "order",
                "verbose_name_plural": "orders",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["payer", "-id"], name="order_of_payer"),
                    models.Index(
                        condition=models.Q(("state", "paid")), fields=["next_try_at"], name="order_to_fulfil"
                    ),
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["created_at"], name="order_open"
                    ),
                    models.Index(fields=["paid_at"], name="order_paid_at"),
                    models.Index(fields=["state", "-id"], name="order_by_state"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="order_costs_something"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["open", "closed"]), ("paid_at__isnull", False), _connector="OR"
                        ),
                        name="order_paid_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "fulfilled"), _negated=True),
                            models.Q(("fulfilled_at__isnull", False), ("subscription__isnull", False)),
                            _connector="OR",
                        ),
                        name="order_fulfilled_has_subscription",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("claim_token", models.UUIDField(editable=False, null=True)),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                (
                    "key",
                    models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="our key"),
                ),
                (
                    "provider",
                    models.CharField(
                        choices=[
                            ("yookassa", "YooKassa"),
                            ("manual", "By hand"),
                            ("credit", "Customer's credit"),
                        ],
                        max_length=16,
                        verbose_name="provider",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("sending", "Being created at the provider"),
                            ("pending", "Waiting for the customer"),
                            ("held", "Money held, not captured"),
                            ("succeeded", "Succeeded"),
                            ("canceled", "Canceled"),
                            ("rejected", "Rejected by the provider"),
                        ],
                        default="created",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="amount asked")),
                ("currency", models.CharField(max_length=4, verbose_name="currency")),
                (
                    "request",
                    models.TextField(
                        blank=True, editable=False, help_text="The body as it is sent, every time."
                    ),
                ),
                ("remote_id", models.CharField(blank=True, max_length=64, verbose_name="id at the provider")),
                ("confirmation_url", models.TextField(blank=True, editable=False)),
                (
                    "received_amount",
                    models.DecimalField(
                        decimal_places=2, max_digits=12, null=True, verbose_name="amount received"
                    ),
                ),
                ("received_currency", models.CharField(blank=True, max_length=8)),
                ("fee", models.DecimalField(decimal_places=2, max_digits=12, null=True, verbose_name="fee")),
                (
                    "refunded_amount",
                    models.DecimalField(decimal_places=2, default=0, max_digits=12, verbose_name="refunded"),
                ),
                (
                    "booked_as",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Not booked"),
                            ("order", "Paid its order"),
                            ("credit", "Customer's credit"),
                            ("suspense", "Waits for a decision"),
                        ],
                        default="",
                        max_length=8,
                        verbose_name="booked",
                    ),
                ),
                ("method", models.CharField(blank=True, max_length=40, verbose_name="paid with")),
                ("method_title", models.CharField(blank=True, max_length=120)),
                ("reason", models.CharField(blank=True, max_length=120, verbose_name="reason")),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                ("first_sent_at", models.DateTimeField(null=True, verbose_name="first sent")),
                ("expires_at", models.DateTimeField(null=True, verbose_name="link works until")),
                ("checks", models.PositiveSmallIntegerField(default=0, verbose_name="read back")),
                ("checked_at", models.DateTimeField(null=True, verbose_name="last read back")),
                (
                    "next_try_at",
                    models.DateTimeField(
                        editable=False, help_text="When to send or read it next.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("succeeded_at", models.DateTimeField(null=True, verbose_name="succeeded")),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["created", "sending", "pending", "held"])),
                        fields=["next_try_at"],
                        name="payment_due",
                    ),
                    models.Index(fields=["succeeded_at"], name="payment_succeeded_at"),
                    models.Index(fields=["remote_id"], name="payment_remote_id"),
                    models.Index(fields=["state", "-id"], name="payment_by_state"),
                    models.Index(
                        condition=models.Q(("booked_as__in", ["credit", "suspense"])),
                        fields=["-id"],
                        name="payment_kept",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("booked_as", "order")),
                        fields=("order",),
                        name="payment_one_pays_the_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("received_amount__isnull", False),
                                ("state", "succeeded"),
                                ("succeeded_at__isnull", False),
                            ),
                            models.Q(models.Q(("state", "succeeded"), _negated=True), ("booked_as", "")),
                            _connector="OR",
                        ),
                        name="payment_booked_only_if_succeeded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("refunded_amount__gte", 0),
                            models.Q(
                                ("received_amount__isnull", True),
                                ("refunded_amount__lte", models.F("received_amount")),
                                _connector="OR",
                            ),
                        ),
                        name="payment_refunds_no_more_than_received",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("claim_token", models.UUIDField(editable=False, null=True)),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("provider", models.CharField(max_length=16, verbose_name="provider")),
                ("dedupe_key", models.CharField(max_length=200, verbose_name="key")),
                ("event", models.CharField(blank=True, max_length=60, verbose_name="event")),
                ("object_id", models.CharField(blank=True, max_length=64, verbose_name="object")),
                ("body", models.TextField(blank=True, verbose_name="body")),
                ("source_address", models.GenericIPAddressField(null=True, verbose_name="came from")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("done", "Worked off"),
                            ("foreign", "Not ours"),
                            ("dead", "Given up"),
                        ],
                        default="received",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("error", models.TextField(blank=True, verbose_name="error")),
                ("next_try_at", models.DateTimeField(editable=False, null=True)),
                ("received_at", models.DateTimeField(auto_now_add=True, verbose_name="received")),
                ("processed_at", models.DateTimeField(null=True, verbose_name="worked off")),
                (
                    "payment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="billing.payment",
                        verbose_name="payment",
                    ),
                ),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "received")), fields=["id"], name="notice_open"
                    ),
                    models.Index(fields=["state", "received_at"], name="notice_by_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "dedupe_key"), name="notice_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("sent", "Sent to the provider"),
                            ("answer", "Provider's answer"),
                            ("failed", "Call failed"),
                            ("read", "Read back"),
                            ("booked", "Booked"),
                            ("fulfilled", "Fulfilled"),
                            ("refund", "Refund"),
                            ("decision", "Decision"),
                        ],
                        max_length=10,
                        verbose_name="event",
                    ),
                ),
                ("text", models.CharField(blank=True, max_length=300, verbose_name="what")),
                ("data", models.JSONField(default=dict, verbose_name="details")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="time")),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="billing.payment",
                        verbose_name="payment",
                    ),
                ),
            ],
            options={
                "verbose_name": "payment event",
                "verbose_name_plural": "payment events",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        choices=[("RUB", "RUB")], default="RUB", max_length=4, verbose_name="currency"
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="amount")),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="prices",
                        to="subscriptions.plan",
                        verbose_name="plan",
                    ),
                ),
            ],
            options={
                "verbose_name": "price",
                "verbose_name_plural": "prices",
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "currency"), name="price_once_per_currency"),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="price_costs_something"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("yookassa", "YooKassa")],
                        default="yookassa",
                        max_length=16,
                        verbose_name="provider",
                    ),
                ),
                (
                    "name_en",
                    models.CharField(
                        default="Bank card, SBP", max_length=60, verbose_name="name for customers, English"
                    ),
                ),
                (
                    "name_ru",
                    models.CharField(
                        default="Карта или СБП", max_length=60, verbose_name="name for customers, Russian"
                    ),
                ),
                ("remote_account", models.CharField(max_length=64, verbose_name="shop id")),
                ("secret", core.crypto.EncryptedTextField(verbose_name="secret key")),
                ("is_test", models.BooleanField(default=True, verbose_name="test mode")),
                ("is_open", models.BooleanField(default=False, verbose_name="customers may pay with it")),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                ("sends_receipts", models.BooleanField(default=False, verbose_name="send receipts (54-FZ)")),
                (
                    "receipt_email",
                    models.EmailField(
                        blank=True,
                        max_length=254,
                        verbose_name="e-mail for receipts of customers without one",
                    ),
                ),
                (
                    "vat_code",
                    models.PositiveSmallIntegerField(default=1, verbose_name="VAT code of receipts"),
                ),
                ("checked_at", models.DateTimeField(editable=False, null=True, verbose_name="checked")),
                ("answered_at", models.DateTimeField(editable=False, null=True, verbose_name="last answer")),
                ("error", models.TextField(blank=True, editable=False, verbose_name="last error")),
                (
                    "refused_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="keys refused since"),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("failing_since", models.DateTimeField(editable=False, null=True)),
                (
                    "hidden_until",
                    models.DateTimeField(editable=False, null=True, verbose_name="hidden until"),
                ),
                (
                    "listed_until",
                    models.DateTimeField(
                        editable=False,
                        help_text="How far the sweep has read its books.",
                        null=True,
                        verbose_name="compared up to",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "payment provider",
                "verbose_name_plural": "payment providers",
                "ordering": ["position", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "remote_account"), name="provider_account_once")
                ],
            },
        ),
        migrations.AddField(
            model_name="payment",
            name="account",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payments",
                to="billing.provideraccount",
                verbose_name="account",
            ),
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("claim_token", models.UUIDField(editable=False, null=True)),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                (
                    "key",
                    models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="our key"),
                ),
                ("form_uuid", models.UUIDField(editable=False, null=True, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("sending", "Being sent"),
                            ("pending", "Accepted, not finished"),
                            ("succeeded", "Refunded"),
                            ("manual", "To be paid out by hand"),
                            ("failed", "Failed"),
                        ],
                        default="requested",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="amount")),
                ("currency", models.CharField(max_length=4, verbose_name="currency")),
                ("request", models.TextField(blank=True, editable=False)),
                ("remote_id", models.CharField(blank=True, max_length=64, verbose_name="id at the provider")),
                (
                    "is_external",
                    models.BooleanField(default=False, verbose_name="made in the provider's cabinet"),
                ),
                (
                    "taken_from",
                    models.CharField(
                        choices=[
                            ("provider", "Money at the provider"),
                            ("cash", "Money received by hand"),
                            ("fees", "Provider's fees"),
                            ("prepaid", "Paid orders, not given yet"),
                            ("credit", "Customers' credit"),
                            ("suspense", "Money that waits for a decision"),
                            ("refunds", "Refunds on their way"),
                            ("sales", "Sales"),
                        ],
                        max_length=12,
                        verbose_name="taken from",
                    ),
                ),
                ("takes_access", models.BooleanField(default=False, verbose_name="access shortened")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                (
                    "provider_reason",
                    models.CharField(blank=True, max_length=120, verbose_name="provider's reason"),
                ),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("first_sent_at", models.DateTimeField(null=True)),
                ("next_try_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="billing.payment",
                        verbose_name="payment",
                    ),
                ),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["requested", "sending", "pending"])),
                        fields=["next_try_at"],
                        name="refund_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("remote_id", ""), _negated=True),
                        fields=("payment", "remote_id"),
                        name="refund_remote_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="refund_gives_something"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fact", models.CharField(max_length=150, unique=True, verbose_name="fact")),
                (
                    "debit",
                    models.CharField(
                        choices=[
                            ("provider", "Money at the provider"),
                            ("cash", "Money received by hand"),
                            ("fees", "Provider's fees"),
                            ("prepaid", "Paid orders, not given yet"),
                            ("credit", "Customers' credit"),
                            ("suspense", "Money that waits for a decision"),
                            ("refunds", "Refunds on their way"),
                            ("sales", "Sales"),
                        ],
                        max_length=8,
                        verbose_name="to",
                    ),
                ),
                (
                    "credit",
                    models.CharField(
                        choices=[
                            ("provider", "Money at the provider"),
                            ("cash", "Money received by hand"),
                            ("fees", "Provider's fees"),
                            ("prepaid", "Paid orders, not given yet"),
                            ("credit", "Customers' credit"),
                            ("suspense", "Money that waits for a decision"),
                            ("refunds", "Refunds on their way"),
                            ("sales", "Sales"),
                        ],
                        max_length=8,
                        verbose_name="from",
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="amount")),
                ("currency", models.CharField(max_length=8, verbose_name="currency")),
                ("note", models.CharField(blank=True, max_length=300, verbose_name="note")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("created_at", models.DateTimeField(auto_now_add=True, db_index=True, verbose_name="time")),
                (
                    "customer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="customer",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="journal",
                        to="billing.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="journal",
                        to="billing.payment",
                        verbose_name="payment",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.provideraccount",
                        verbose_name="provider account",
                    ),
                ),
                (
                    "refund",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="journal",
                        to="billing.refund",
                        verbose_name="refund",
                    ),
                ),
            ],
            options={
                "verbose_name": "journal entry",
                "verbose_name_plural": "journal",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("debit", "credit"), ("credit", "credit"), _connector="OR"),
                        fields=["customer", "currency"],
                        name="journal_customer_credit",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="journal_moves_something"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("debit", models.F("credit")), _negated=True),
                        name="journal_moves_between_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("debit", "credit"), ("credit", "credit"), _connector="OR", _negated=True
                            ),
                            ("customer__isnull", False),
                            _connector="OR",
                        ),
                        name="journal_credit_is_somebodys",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fact", models.CharField(max_length=150, unique=True, verbose_name="fact")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("amount", "Another amount or currency than asked"),
                            ("unknown", "A payment we know nothing of"),
                            ("second", "Paid twice"),
                            ("refused", "Paid, but cannot be given"),
                            ("mode", "Test and live mixed"),
                            ("contradiction", "The provider contradicts itself"),
                            ("held", "Money was only held"),
                            ("refund", "A refund must be paid out by hand"),
                            ("refund_unknown", "A refund we know nothing of"),
                            ("missing", "Booked here, not found at the provider"),
                            ("receipt", "The receipt was not registered"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("decided", "Decided")],
                        default="open",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("details", models.JSONField(default=dict, verbose_name="details")),
                ("resolution", models.CharField(blank=True, max_length=16, verbose_name="decided")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("decided_by", models.CharField(blank=True, max_length=150, verbose_name="by")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided at")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="since")),
                (
                    "customer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="customer",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="billing.payment",
                        verbose_name="payment",
                    ),
                ),
                (
                    "refund",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="billing.refund",
                        verbose_name="refund",
                    ),
                ),
            ],
            options={
                "verbose_name": "decision",
                "verbose_name_plural": "needs decision",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("state", "open")), fields=["id"], name="decision_open")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state", "open"), ("decided_at__isnull", False), _connector="OR"),
                        name="decision_has_time",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("remote_id", ""), _negated=True),
                fields=("account", "remote_id"),
                name="payment_remote_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["created", "sending", "pending"])),
                fields=("order", "account"),
                name="payment_one_open_per_order",
            ),
        ),
        migrations.RunPython(add_first_rows, migrations.RunPython.noop),
    ]
