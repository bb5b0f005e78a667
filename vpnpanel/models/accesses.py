"""What we want on the panels (Access), and what we saw there (PanelAccount)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from core.claims import Claimable
from core.crypto import EncryptedTextField
from core.said import SaidField, said
from vpnpanel.models.panels import Panel, PanelGroup

# A change that is not on the panels after this long is worth a look by staff.
LATE_AFTER = timedelta(seconds=60)
# What stands in `Access.error` of customers whom no panel takes.
NO_ROOM = said("no panel of its groups is open, answers and has room")
# Ours are 23 characters long; those taken over from an operator's panel may be longer.
NAME_LENGTH = 128
# Whoever is to live on another number of panels than one, or at a location of their choice: asked for in
# these words, they are found by an index.
PICKY = Q(panel_count=0) | Q(panel_count__gt=1) | Q(location__gt="")


class Access(Claimable):
    """What one subscription should have on the panels. Every change raises `generation`."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="accesses", verbose_name=_("customer")
    )
    until = models.DateTimeField(_("until"))
    traffic_limit = models.PositiveBigIntegerField(
        _("traffic limit, bytes"), default=0, help_text=_("0: no limit.")
    )
    devices = models.PositiveSmallIntegerField(_("devices"), default=0, help_text=_("0: no limit."))
    enforces_devices = models.BooleanField(
        _("panels count devices"),
        default=False,
        help_text=_("Panels that can count who is connected at once keep to the number of devices."),
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_gone = models.BooleanField(
        _("removed"), default=False, help_text=_("Its accounts are to be deleted from the panels.")
    )
    groups = models.ManyToManyField(PanelGroup, verbose_name=_("panel groups"))
    panel_count = models.PositiveSmallIntegerField(
        _("panels at once"), default=1, help_text=_("0: all panels of its groups.")
    )
    location = models.CharField(
        _("wanted location"), max_length=60, blank=True, help_text=_("As chosen by the customer. Empty: any.")
    )
    location_chosen_at = models.DateTimeField(_("location chosen"), null=True, editable=False)
    # Raised to have all its accounts get other keys.
    key_epoch = models.PositiveIntegerField(_("times the keys were changed"), default=0)
    generation = models.PositiveIntegerField(_("generation"), default=1)
    applied_generation = models.PositiveIntegerField(_("applied generation"), default=0)
    is_dirty = models.BooleanField(_("to be applied"), default=True)
    # Raised whenever somebody wants it compared with its panels, so that a wish that comes during a call is
    # not taken for fulfilled by it.
    marks = models.PositiveIntegerField(default=0, editable=False)
    # Whether the customer is to be told as soon as it works.
    announce = models.BooleanField(default=False, editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now_add=True)
    applied_at = models.DateTimeField(_("applied"), null=True)
    first_used_at = models.DateTimeField(_("first traffic seen"), null=True, editable=False)
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True)
    error = SaidField(_("last error"), blank=True)

    class Meta:
        verbose_name = _("access")
        verbose_name_plural = _("accesses")
        ordering = ["-id"]
        indexes = [
            # In the order of working them off, so that taking the next one never sorts the others.
            models.Index(fields=["-changed_at"], condition=Q(is_dirty=True), name="access_dirty"),
            models.Index(fields=["until"]),
            models.Index(fields=["id"], condition=PICKY, name="access_picky"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_generation__lte=models.F("generation")), name="access_applied_not_ahead"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def is_wanted(self, at: datetime) -> bool:
        """Tell whether the customer should get through at that time."""
        return self.is_enabled and not self.is_gone and self.until > at


class PanelAccounts(models.QuerySet["PanelAccount"]):
    def in_use(self) -> "PanelAccounts":
        """Those that may let their customer in: serving, also beside what replaced them."""
        return self.filter(Q(placement=PanelAccount.Placement.SERVING) | Q(serves_until__isnull=False))

    def to_remove(self, at: datetime) -> "PanelAccounts":
        """Those that are to leave their panel at that time."""
        is_over = Q(serves_until__isnull=True) | Q(serves_until__lte=at)
        return self.filter(is_over, placement=PanelAccount.Placement.LEAVING)


class PanelAccount(models.Model):
    """An Access on one panel, as last observed. Never deleted.

    One that others replaced may serve on for a while, so that an app that has not fetched the link since
    still gets through: it is out of the link, and leaving, with `serves_until` set. The reconciler keeps it
    in line like the others until then, or until nobody should get through by it any more.

    Only the reconciler and the full sync write it; taking over an operator's account makes one.
    `applied_generation` is that of the access when the panel was last told; on a panel that holds changes an
    account that has been told is left alone.
    """

    class Placement(models.TextChoices):
        JOINING = "joining", _("Being made")
        SERVING = "serving", _("Serving")
        LEAVING = "leaving", _("Being removed")
        GONE = "gone", _("Removed")

    LIVE = (Placement.JOINING, Placement.SERVING)

    access = models.ForeignKey(Access, models.PROTECT, related_name="accounts", verbose_name=_("access"))
    panel = models.ForeignKey(Panel, models.PROTECT, related_name="accounts", verbose_name=_("panel"))
    name = models.CharField(_("account name"), max_length=NAME_LENGTH)
    placement = models.CharField(_("placement"), max_length=8, choices=Placement, default=Placement.JOINING)
    applied_generation = models.PositiveIntegerField(_("applied generation"), default=0)
    observed_status = models.CharField(_("status on the panel"), max_length=20, blank=True)
    observed_until = models.DateTimeField(_("until, on the panel"), null=True)
    observed_limit = models.PositiveBigIntegerField(_("limit on the panel, bytes"), default=0)
    # Keys we made ourselves before the panel was called (JSON), for kinds of panels that are told them.
    credentials = EncryptedTextField(default="", blank=True, editable=False)
    # Which of the access's key epochs those were made for, and which one the panel is known to have.
    credentials_epoch = models.PositiveIntegerField(default=0, editable=False)
    key_epoch = models.PositiveIntegerField(default=0, editable=False)
    # Since when the panel says that something happened to it which we have not looked at yet.
    pointed_at = models.DateTimeField(null=True, editable=False)
    links = models.JSONField(default=list)
    # The panel's traffic counter at the last look, in bytes; `used_bytes` grows on when it is reset.
    counter = models.PositiveBigIntegerField(default=0)
    # The same by part for an account of several, with those of parts that are gone.
    counters = models.JSONField(default=dict, editable=False)
    used_bytes = models.PositiveBigIntegerField(_("used, bytes"), default=0)
    online_at = models.DateTimeField(_("last online"), null=True)
    observed_at = models.DateTimeField(_("observed"), null=True)
    error = SaidField(_("last error"), blank=True)
    joined_at = models.DateTimeField(_("made"), auto_now_add=True)
    serving_at = models.DateTimeField(_("serving since"), null=True)
    leaving_at = models.DateTimeField(_("given up"), null=True)
    serves_until = models.DateTimeField(_("replaced, serves until"), null=True)
    gone_at = models.DateTimeField(_("removed"), null=True)

    objects = PanelAccounts.as_manager()

    class Meta:
        verbose_name = _("panel account")
        verbose_name_plural = _("panel accounts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["panel", "name"], name="panel_account_name_once"),
            models.UniqueConstraint(
                fields=["access", "panel"],
                condition=Q(placement__in=["joining", "serving"]),
                name="panel_account_one_live",
            ),
            models.CheckConstraint(
                condition=Q(serves_until__isnull=True) | Q(placement="leaving"),
                name="panel_account_serves_on_while_leaving",
            ),
        ]
        indexes = [
            models.Index(fields=["panel", "placement"]),
            models.Index(
                fields=["pointed_at"], condition=Q(pointed_at__isnull=False), name="panel_account_pointed"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.placement in self.LIVE

    @property
    def is_kept_in_line(self) -> bool:
        """Whether the panel should show what the access wants: it lives there, or serves on for a while."""
        return self.is_live or self.serves_until is not None

    @property
    def placement_in_words(self) -> str:
        """Return its placement for staff, in the active language."""
        if self.serves_until is None:
            return self.get_placement_display()
        until = date_format(timezone.localtime(self.serves_until), "SHORT_DATETIME_FORMAT")
        return _("Replaced, serves on until %(until)s") % {"until": until}

    def is_held(self, access: Access) -> bool:
        """Tell whether the panel's staff want to approve whatever is done to it, and nobody has yet."""
        return (
            self.panel.holds_changes
            and self.placement == self.Placement.SERVING
            and self.applied_generation >= access.generation
        )
