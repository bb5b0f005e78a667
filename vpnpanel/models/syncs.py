"""What full syncs read and found, and what of it waits for staff."""

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import clock
from core.said import SaidField
from vpnpanel.models.accesses import NAME_LENGTH, Access, PanelAccount
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
    returned = models.PositiveIntegerField(_("came back"), default=0)
    strays = models.PositiveIntegerField(_("new in quarantine"), default=0)
    unreadable = models.PositiveIntegerField(_("unreadable"), default=0)
    # Limits that follow traffic used elsewhere: our own arithmetic, nobody's doing.
    relimited = models.PositiveIntegerField(_("limits to follow"), default=0)
    held = models.PositiveIntegerField(_("held for approval"), default=0)
    findings_left_out = models.PositiveIntegerField(_("findings beyond those kept"), default=0)
    error = SaidField(_("error"), blank=True)

    class Meta:
        verbose_name = _("full sync")
        verbose_name_plural = _("full syncs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.panel} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def duration(self) -> timedelta:
        """How long it took, or has taken so far."""
        return (self.finished_at or clock.now()) - self.started_at


class SyncFinding(models.Model):
    """What a full sync met on a panel that is not as the shop wants it, and what became of it.

    `details`: field -> [what the panel shows, what the shop wants].
    """

    class Kind(models.TextChoices):
        DRIFT = "drift", _("Other terms")
        MISSING = "missing", _("Not on the panel")
        RETURNED = "returned", _("Came back after its removal")
        STRAY = "stray", _("Unclear whose")
        UNREADABLE = "unreadable", _("Cannot be read")

    class State(models.TextChoices):
        APPLIED = "applied", _("Given to repair")
        HELD = "held", _("Waits for approval")
        APPROVED = "approved", _("Approved")
        DISMISSED = "dismissed", _("Left as it is")
        OVERTAKEN = "overtaken", _("Settled otherwise")
        NOTED = "noted", _("Noted")

    # Those that speak of the account as it is now.
    STANDING = (State.HELD, State.DISMISSED)

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="findings", verbose_name=_("full sync"))
    panel = models.ForeignKey(Panel, models.CASCADE, related_name="findings", verbose_name=_("panel"))
    access = models.ForeignKey(
        Access, models.CASCADE, null=True, related_name="findings", verbose_name=_("access")
    )
    account = models.ForeignKey(
        PanelAccount, models.CASCADE, null=True, related_name="findings", verbose_name=_("account")
    )
    name = models.CharField(_("name on the panel"), max_length=NAME_LENGTH, blank=True)
    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    details = models.JSONField(_("details"), default=dict)
    state = models.CharField(_("what became of it"), max_length=9, choices=State)
    found_at = models.DateTimeField(_("found"), auto_now_add=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings of full syncs")
        ordering = ["-id"]
        constraints = [
            # A page that is read again after a crash tells nothing twice.
            models.UniqueConstraint(fields=["run", "name", "kind"], name="finding_once_a_run"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(state__in=["held", "dismissed"]), name="finding_one_standing"
            ),
        ]
        indexes = [
            models.Index(fields=["panel"], condition=Q(state="held"), name="finding_held"),
            models.Index(fields=["found_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.get_kind_display()}"

    @property
    def shown(self) -> dict[str, Any]:
        """What the panel shows, by field."""
        return {field: values[0] for field, values in self.details.items()}
