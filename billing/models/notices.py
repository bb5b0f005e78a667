"""Notices: what providers send us, kept as it came. A hint to look, never a fact."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.payments import Payment
from core.claims import Claimable


class Notice(Claimable):
    """One notice of a provider. Its dedupe key stays for ever; its body goes by the clean-up rules."""

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        DONE = "done", _("Worked off")
        FOREIGN = "foreign", _("Not ours")
        DEAD = "dead", _("Given up")

    provider = models.CharField(_("provider"), max_length=16)
    dedupe_key = models.CharField(_("key"), max_length=200)
    event = models.CharField(_("event"), max_length=60, blank=True)
    object_id = models.CharField(_("object"), max_length=64, blank=True)
    body = models.TextField(_("body"), blank=True)
    source_address = models.GenericIPAddressField(_("came from"), null=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.RECEIVED)
    payment = models.ForeignKey(
        Payment, models.PROTECT, null=True, related_name="notices", verbose_name=_("payment")
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    error = models.TextField(_("error"), blank=True)
    next_try_at = models.DateTimeField(null=True, editable=False)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    processed_at = models.DateTimeField(_("worked off"), null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="received"), name="notice_open"),
            models.Index(fields=["state", "received_at"], name="notice_by_state"),
        ]
        constraints = [models.UniqueConstraint(fields=["provider", "dedupe_key"], name="notice_once")]

    def __str__(self) -> str:
        return f"{self.event} {self.object_id}"
