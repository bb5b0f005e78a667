"""What full syncs read and found."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from vpnpanel.models.panels import Panel


class SyncRun(models.Model):
    """One full sync of one panel: what it read, what it found, what it cost."""

    panel = models.ForeignKey(Panel, models.CASCADE, related_name="sync_runs", verbose_name=_("panel"))
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    calls = models.PositiveIntegerField(_("calls"), default=0)
    accounts = models.PositiveIntegerField(_("accounts of ours"), default=0)
    foreign = models.PositiveIntegerField(_("foreign accounts"), default=0)
    drifted = models.PositiveIntegerField(_("drifted"), default=0)
    missing = models.PositiveIntegerField(_("missing"), default=0)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("full sync")
        verbose_name_plural = _("full syncs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.panel} {self.started_at:%Y-%m-%d %H:%M}"
