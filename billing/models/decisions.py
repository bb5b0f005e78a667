"""What nobody but staff can decide: each with what happened and what can be done."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.models.orders import Order
from billing.models.payments import Payment
from billing.models.refunds import Refund


class Decision(models.Model):
    """A question to staff. Asked once for each fact, answered once, with a reason."""

    class Kind(models.TextChoices):
        AMOUNT_DIFFERS = "amount", _("Another amount or currency than asked")
        UNKNOWN_PAYMENT = "unknown", _("A payment we know nothing of")
        SECOND_PAYMENT = "second", _("Paid twice")
        REFUSED_ORDER = "refused", _("Paid, but cannot be given")
        MODE_DIFFERS = "mode", _("Test and live mixed")
        CONTRADICTION = "contradiction", _("The provider contradicts itself")
        MONEY_HELD = "held", _("Money was only held")
        REFUND_BY_HAND = "refund", _("A refund must be paid out by hand")
        REFUND_UNKNOWN = "refund_unknown", _("A refund we know nothing of")
        MISSING_THERE = "missing", _("Booked here, not found at the provider")
        RECEIPT_FAILED = "receipt", _("The receipt was not registered")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("question", "Open")
        DECIDED = "decided", _("Decided")

    fact = models.CharField(_("fact"), max_length=150, unique=True)
    kind = models.CharField(_("what"), max_length=16, choices=Kind)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("customer")
    )
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="+", verbose_name=_("order"))
    payment = models.ForeignKey(
        Payment, models.PROTECT, null=True, related_name="decisions", verbose_name=_("payment")
    )
    refund = models.ForeignKey(
        Refund, models.PROTECT, null=True, related_name="decisions", verbose_name=_("refund")
    )
    details = models.JSONField(_("details"), default=dict)
    resolution = models.CharField(_("decided"), max_length=16, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    decided_by = models.CharField(_("by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("needs decision")
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=Q(state="open"), name="decision_open")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open") | Q(decided_at__isnull=False), name="decision_has_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"
