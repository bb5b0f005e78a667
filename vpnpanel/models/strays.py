"""Accounts on a panel that look like ours, though no row of ours says so."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.said import SaidField
from vpnpanel.models.accesses import NAME_LENGTH, Access
from vpnpanel.models.panels import Panel


class StrayAccount(models.Model):
    """An account in quarantine: unclear whose it is, so nothing is done to it until staff say what.

    `shown` is what the panel showed last, without keys.
    """

    class Why(models.TextChoices):
        NAME = "name", _("Named like ours, and we know no such account")
        NOTE = "note", _("Noted as ours, under a name we do not know")
        ELSEWHERE = "elsewhere", _("An account of ours on another panel")

    class State(models.TextChoices):
        OPEN = "open", _("Waits for a decision")
        ADOPTED = "adopted", _("Taken over")
        IGNORED = "ignored", _("Left alone")
        REMOVING = "removing", _("Being removed")
        REMOVED = "removed", _("Removed by staff")
        GONE = "gone", _("Not there any more")

    panel = models.ForeignKey(Panel, models.CASCADE, related_name="strays", verbose_name=_("panel"))
    name = models.CharField(_("name on the panel"), max_length=NAME_LENGTH)
    why = models.CharField(_("why"), max_length=9, choices=Why)
    access = models.ForeignKey(
        Access, models.SET_NULL, null=True, related_name="strays", verbose_name=_("access it may belong to")
    )
    shown = models.JSONField(_("shown"), default=dict)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    error = SaidField(_("last error"), blank=True)
    found_at = models.DateTimeField(_("found"), auto_now_add=True)
    seen_at = models.DateTimeField(pgettext_lazy("not a person", "last seen"))
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("account in quarantine")
        verbose_name_plural = _("quarantine")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["panel", "name"], name="stray_account_once")]
        indexes = [models.Index(fields=["panel"], condition=Q(state="open"), name="stray_open")]

    def __str__(self) -> str:
        return self.name
