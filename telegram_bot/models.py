"""The inbox: every update is a row before Telegram is told that we have it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Update(models.Model):
    """One raw update and how far we came with it.

    received -> decided (its effect is committed, and which screen it leads to) -> answered; or dead.
    """

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        DECIDED = "decided", _("Decided")
        ANSWERED = "answered", _("Answered")
        DEAD = "dead", _("Given up")

    OPEN = (State.RECEIVED, State.DECIDED)

    bot_id = models.BigIntegerField()
    update_id = models.BigIntegerField(_("update"))
    chat_id = models.BigIntegerField(_("chat"), null=True, help_text=_("Updates of one chat run in order."))
    kind = models.CharField(_("kind"), max_length=30)
    payload = models.JSONField(_("content"), null=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.RECEIVED)
    screen = models.JSONField(
        _("screen"), null=True, help_text=_("Name and plain values of the screen it leads to.")
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True)
    error = models.TextField(_("error"), blank=True)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        verbose_name = _("update")
        verbose_name_plural = _("updates")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["bot_id", "update_id"], name="update_once")]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state__in=["received", "decided"]), name="update_open"
            ),
            models.Index(fields=["state", "received_at"]),
            models.Index(fields=["chat_id", "-id"], name="update_chat"),  # a customer's taps, for staff
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.update_id}"
