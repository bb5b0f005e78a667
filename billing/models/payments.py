"""Payments: one try to pay with one provider each, and the line of what happened to it."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.accounts import ProviderAccount
from billing.models.orders import Order
from billing.models.providers import Provider
from core import money
from core.claims import Claimable


class Payment(Claimable):
    """One try to pay an order. Committed, with key and frozen request, before the provider hears of it.

    `state` is what the provider last said for certain; SENDING means that it may or may not know of the
    payment. A payment without an order came from the provider's books and waits for a decision.
    """

    class State(models.TextChoices):
        CREATED = "created", _("Created")
        SENDING = "sending", _("Being created at the provider")
        PENDING = "pending", _("Waiting for the customer")
        HELD = "held", _("Money held, not captured")
        SUCCEEDED = "succeeded", _("Succeeded")
        CANCELED = "canceled", _("Canceled")
        REJECTED = "rejected", _("Rejected by the provider")

    class Booked(models.TextChoices):
        """Where the money went when it was booked, or after a decision."""

        NOWHERE = "", _("Not booked")
        ORDER = "order", _("Paid its order")
        CREDIT = "credit", _("Customer's credit")
        SUSPENSE = "suspense", _("Waits for a decision")

    # Steps may be skipped, the order never reverses: succeeded is final, and nothing but it beats an end.
    TRANSITIONS: dict[str, frozenset[str]] = {
        State.CREATED: frozenset(State.values) - {State.CREATED},
        State.SENDING: frozenset({"pending", "held", "succeeded", "canceled", "rejected"}),
        State.PENDING: frozenset({"held", "succeeded", "canceled"}),
        State.HELD: frozenset({"succeeded", "canceled"}),
        State.CANCELED: frozenset({"succeeded"}),
        State.REJECTED: frozenset({"held", "succeeded", "canceled"}),
        State.SUCCEEDED: frozenset(),
    }
    OPEN = (State.CREATED, State.SENDING, State.PENDING, State.HELD)

    key = models.UUIDField(_("our key"), unique=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="payments", verbose_name=_("order")
    )
    provider = models.CharField(_("provider"), max_length=16, choices=Provider)
    account = models.ForeignKey(
        ProviderAccount, models.PROTECT, null=True, related_name="payments", verbose_name=_("account")
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.CREATED)
    amount = models.DecimalField(_("amount asked"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=4)
    request = models.TextField(blank=True, editable=False, help_text="The body as it is sent, every time.")
    remote_id = models.CharField(_("id at the provider"), max_length=64, blank=True)
    confirmation_url = models.TextField(blank=True, editable=False)
    received_amount = models.DecimalField(_("amount received"), max_digits=12, decimal_places=2, null=True)
    received_currency = models.CharField(max_length=8, blank=True)
    fee = models.DecimalField(_("fee"), max_digits=12, decimal_places=2, null=True)
    refunded_amount = models.DecimalField(_("refunded"), max_digits=12, decimal_places=2, default=0)
    booked_as = models.CharField(_("booked"), max_length=8, choices=Booked, blank=True, default="")
    method = models.CharField(_("paid with"), max_length=40, blank=True)
    method_title = models.CharField(max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=120, blank=True)
    error = models.TextField(_("last error"), blank=True)
    first_sent_at = models.DateTimeField(_("first sent"), null=True)
    expires_at = models.DateTimeField(_("link works until"), null=True)
    checks = models.PositiveSmallIntegerField(_("read back"), default=0)
    checked_at = models.DateTimeField(_("last read back"), null=True)
    next_try_at = models.DateTimeField(null=True, editable=False, help_text="When to send or read it next.")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    succeeded_at = models.DateTimeField(_("succeeded"), null=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state__in=["created", "sending", "pending", "held"]),
                name="payment_due",
            ),
            models.Index(fields=["succeeded_at"], name="payment_succeeded_at"),
            models.Index(fields=["remote_id"], name="payment_remote_id"),
            models.Index(fields=["state", "-id"], name="payment_by_state"),
            models.Index(
                fields=["-id"], condition=Q(booked_as__in=["credit", "suspense"]), name="payment_kept"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "remote_id"], condition=~Q(remote_id=""), name="payment_remote_once"
            ),
            models.UniqueConstraint(
                fields=["order", "account"],
                condition=Q(state__in=["created", "sending", "pending"]),
                name="payment_one_open_per_order",
            ),
            models.UniqueConstraint(
                fields=["order"], condition=Q(booked_as="order"), name="payment_one_pays_the_order"
            ),
            models.CheckConstraint(
                condition=Q(state="succeeded", received_amount__isnull=False, succeeded_at__isnull=False)
                | (~Q(state="succeeded") & Q(booked_as="")),
                name="payment_booked_only_if_succeeded",
            ),
            models.CheckConstraint(
                condition=Q(refunded_amount__gte=0)
                & (Q(received_amount__isnull=True) | Q(refunded_amount__lte=models.F("received_amount"))),
                name="payment_refunds_no_more_than_received",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {money.shown(self.amount, self.currency)}"

    @property
    def subject(self) -> str:
        """How lines of the trail name this payment."""
        return f"payment:{self.pk}"

    def may_become(self, state: Any) -> bool:
        return state in self.TRANSITIONS[self.state]


class PaymentEvent(models.Model):
    """One line of a payment's timeline: what we asked, what the provider said, what we did. Redacted."""

    class Kind(models.TextChoices):
        CREATED = "created", _("Created")
        SENT = "sent", _("Sent to the provider")
        ANSWER = "answer", _("Provider's answer")
        FAILED = "failed", _("Call failed")
        READ = "read", _("Read back")
        BOOKED = "booked", _("Booked")
        FULFILLED = "fulfilled", _("Fulfilled")
        REFUND = "refund", _("Refund")
        DECISION = "decision", _("Decision")

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="events", verbose_name=_("payment"))
    kind = models.CharField(_("event"), max_length=10, choices=Kind)
    text = models.CharField(_("what"), max_length=300, blank=True)
    data = models.JSONField(_("details"), default=dict)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"
