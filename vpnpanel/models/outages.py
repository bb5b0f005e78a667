"""Times in which a panel did not answer, and what staff did about them."""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.said import SaidField
from vpnpanel.models.panels import Panel

LONGEST_GRACE_HOURS = 720


class PanelRules(models.Model):
    """The shop's rules for panels. There is one row."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    alert_after_minutes = models.PositiveSmallIntegerField(
        _("alert staff after, minutes"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
        help_text=_("A panel that has not answered for so long is an outage that staff are told of."),
    )
    grace_hours = models.PositiveSmallIntegerField(
        _("a replaced server serves on, hours"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(LONGEST_GRACE_HOURS)],
        help_text=_(
            "Apps learn of the new server when they refresh. 0: the old one stops at once. Empty: twice as "
            "long as apps are advised to wait between refreshes."
        ),
    )

    class Meta:
        verbose_name = _("rules for panels")
        verbose_name_plural = _("rules for panels")
        constraints = [models.CheckConstraint(condition=Q(only=True), name="panel_rules_only_one")]

    def __str__(self) -> str:
        return str(_("Rules for panels"))


class Outage(models.Model):
    """One time in which a panel did not answer; `ended_at` is empty while it lasts.

    What staff do about it happens once: customers are told, days are given, days are taken back again.
    """

    class Credit(models.TextChoices):
        NONE = "none", _("No days given")
        GIVEN = "given", _("Days given")
        UNDONE = "undone", _("Days taken back")

    panel = models.ForeignKey(Panel, models.PROTECT, related_name="outages", verbose_name=_("panel"))
    began_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    error = SaidField(_("error"), blank=True)
    alerted_at = models.DateTimeField(_("staff alerted"), null=True)
    settled_at = models.DateTimeField(_("settled by staff"), null=True)
    told_at = models.DateTimeField(_("customers told"), null=True)
    over_told_at = models.DateTimeField(_("told that it is over"), null=True)
    credit = models.CharField(_("credit"), max_length=6, choices=Credit, default=Credit.NONE)
    credit_days = models.PositiveSmallIntegerField(_("days given"), default=0)
    credit_reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("outage")
        verbose_name_plural = _("outages")
        ordering = ["-began_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["panel"], condition=Q(ended_at__isnull=True), name="outage_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("began_at")),
                name="outage_ends_after_it_began",
            ),
            models.CheckConstraint(
                condition=Q(credit="none", credit_days=0) | Q(~Q(credit="none"), credit_days__gte=1),
                name="outage_credit_has_days",
            ),
        ]
        indexes = [
            models.Index(fields=["panel", "-began_at"], name="outage_of_panel"),
            models.Index(
                fields=["alerted_at"],
                condition=Q(settled_at__isnull=True, alerted_at__isnull=False),
                name="outage_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.panel} {self.began_at:%Y-%m-%d %H:%M}"

    @property
    def subject(self) -> str:
        """How lines of the trail and sources of grants name this outage."""
        return f"outage:{self.pk}"

    def seconds(self, now: datetime) -> int:
        """Return how long it lasted, or has lasted by now."""
        return int(((self.ended_at or now) - self.began_at).total_seconds())
