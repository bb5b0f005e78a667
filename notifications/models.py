"""The outbox: every message to a customer is a row before it is sent."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.claims import Claimable


class OutboxMessage(Claimable):
    """One thing to tell one recipient once. Rendered when it is sent, dropped if no longer true."""

    class Channel(models.TextChoices):
        TELEGRAM = "telegram", _("Telegram")

    class Lane(models.IntegerChoices):
        """Order of sending; answers to presses go first and are not in the outbox."""

        TRANSACTIONAL = 1, _("Transactional")
        BROADCAST = 2, _("Broadcast")

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SENT = "sent", _("Sent")
        DROPPED = "dropped", _("No longer true")
        UNREACHABLE = "unreachable", _("Customer unreachable")
        FAILED = "failed", _("Failed")

    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.TELEGRAM)
    address = models.CharField(_("address"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="messages",
        verbose_name=_("customer"),
    )
    kind = models.CharField(_("kind"), max_length=40)
    dedupe_key = models.CharField(_("told once by"), max_length=120, unique=True)
    context = models.JSONField(_("values"), default=dict)
    lane = models.PositiveSmallIntegerField(_("lane"), choices=Lane, default=Lane.TRANSACTIONAL)
    state = models.CharField(_("state"), max_length=11, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True)
    remote_id = models.CharField(_("number at the channel"), max_length=64, blank=True)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["lane", "id"], condition=models.Q(state="pending"), name="outbox_pending"),
            models.Index(fields=["state", "created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} → {self.address}"
