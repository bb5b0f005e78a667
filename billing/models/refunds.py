"""Refunds: money that goes back, ours or seen in the provider's books."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.journal import JournalEntry
from billing.models.payments import Payment
from core import money
from core.claims import Claimable


class Refund(Claimable):
    """One sum that goes back from one payment. Access was shortened when it was asked for.

    `key` is the idempotence key of the present try; a try the provider ended for good gets a new key.
    `taken_from` says out of which account the money was set aside.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        SENDING = "sending", _("Being sent")
        PENDING = "pending", _("Accepted, not finished")
        SUCCEEDED = "succeeded", _("Refunded")
        MANUAL = "manual", _("To be paid out by hand")
        FAILED = "failed", _("Failed")

    TRANSITIONS: dict[str, frozenset[str]] = {
        State.REQUESTED: frozenset({"sending", "pending", "succeeded", "manual", "failed"}),
        # Back to requested: the provider ended this try for a passing reason, the next one has a new key.
        State.SENDING: frozenset({"requested", "pending", "succeeded", "manual", "failed"}),
        State.PENDING: frozenset({"requested", "succeeded", "manual", "failed"}),
        State.MANUAL: frozenset({"requested", "succeeded", "failed"}),
        State.FAILED: frozenset({"succeeded"}),
        State.SUCCEEDED: frozenset(),
    }
    OPEN = (State.REQUESTED, State.SENDING, State.PENDING)

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    key = models.UUIDField(_("our key"), unique=True, default=uuid.uuid4, editable=False)
    form_uuid = models.UUIDField(unique=True, null=True, editable=False)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.REQUESTED)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=4)
    request = models.TextField(blank=True, editable=False)
    remote_id = models.CharField(_("id at the provider"), max_length=64, blank=True)
    is_external = models.BooleanField(_("made in the provider's cabinet"), default=False)
    taken_from = models.CharField(_("taken from"), max_length=12, choices=JournalEntry.Account)
    takes_access = models.BooleanField(_("access shortened"), default=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    provider_reason = models.CharField(_("provider's reason"), max_length=120, blank=True)
    error = models.TextField(_("last error"), blank=True)
    actor = models.CharField(_("by"), max_length=150)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    first_sent_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state__in=["requested", "sending", "pending"]),
                name="refund_due",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["payment", "remote_id"], condition=~Q(remote_id=""), name="refund_remote_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_gives_something"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {money.shown(self.amount, self.currency)}"

    @property
    def source(self) -> str:
        """What the shortening of access is known by."""
        return f"refund:{self.pk}"

    def may_become(self, state: Any) -> bool:
        return state in self.TRANSITIONS[self.state]
