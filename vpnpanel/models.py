"""Where access lives: panels, what we want on them (Access), what we saw there (PanelAccount)."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.claims import Claimable
from core.crypto import EncryptedTextField

# A change that is not on the panels after this long is worth a look by staff.
LATE_AFTER = timedelta(seconds=60)


def require_web_address(value: str) -> None:
    """Take any http address, also of a bare host name such as a container's; nothing secret may be in it."""
    try:
        parts = urlsplit(value)
        is_fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fit = False
    if (
        not is_fit
        or parts.username
        or parts.query
        or parts.fragment
        or not value.isprintable()
        or " " in value
    ):
        raise ValidationError(_("Give an address such as https://panel.example.com:8000"))


def require_inbounds(value: object) -> None:
    """Raise ValidationError unless the value maps protocols to lists of tags."""
    lists = list(value.values()) if isinstance(value, dict) else [None]
    if not all(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in lists):
        raise ValidationError(_('Give lists of tags by protocol: {"vless": ["VLESS TCP REALITY"]}'))


class PanelGroup(models.Model):
    """A set of panels that plans sell access to."""

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("panel group")
        verbose_name_plural = _("panel groups")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Panel(models.Model):
    """A server's panel, on which the shop makes accounts under an administrator of its own."""

    class Kind(models.TextChoices):
        MARZBAN = "marzban", "Marzban"

    class State(models.TextChoices):
        OPEN = "open", _("Open for sale")
        CLOSED = "closed", _("Closed for sale, still serving")
        LOST = "lost", _("Lost: move its customers away")
        OFF = "off", _("Switched off")

    SERVING = (State.OPEN, State.CLOSED)

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.MARZBAN)
    base_url = models.CharField(_("address"), max_length=300, validators=[require_web_address])
    username = models.CharField(_("administrator"), max_length=100)
    password = EncryptedTextField(_("password"))
    verify_tls = models.BooleanField(_("check the certificate"), default=True)
    inbounds = models.JSONField(
        _("inbounds"),
        default=dict,
        blank=True,
        validators=[require_inbounds],
        help_text=_(
            'Those to sell, by protocol: {"vless": ["VLESS TCP REALITY"]}. Empty: all the panel has.'
        ),
    )
    location = models.CharField(_("location shown to customers"), max_length=60, blank=True)
    groups = models.ManyToManyField(PanelGroup, related_name="panels", verbose_name=_("groups"))
    capacity = models.PositiveIntegerField(_("capacity"), default=0, help_text=_("Accounts; 0: no limit."))
    load = models.PositiveIntegerField(_("accounts placed"), default=0, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    is_up = models.BooleanField(_("answers"), default=True, editable=False)
    up_changed_at = models.DateTimeField(null=True, editable=False)
    seen_at = models.DateTimeField(_("last answer"), null=True, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)
    version = models.CharField(_("version"), max_length=40, blank=True, editable=False)
    figures = models.JSONField(_("figures"), default=dict, editable=False)
    figures_at = models.DateTimeField(null=True, editable=False)
    synced_at = models.DateTimeField(_("last full sync"), null=True, editable=False)

    class Meta:
        verbose_name = _("panel")
        verbose_name_plural = _("panels")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["base_url", "username"], name="panel_address_and_admin_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def may_be_called(self) -> bool:
        """Whether there is any use in calling it now; one that is lost may still let us remove accounts."""
        return self.is_up and self.state != self.State.OFF


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
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_gone = models.BooleanField(
        _("removed"), default=False, help_text=_("Its accounts are to be deleted from the panels.")
    )
    groups = models.ManyToManyField(PanelGroup, verbose_name=_("panel groups"))
    generation = models.PositiveIntegerField(_("generation"), default=1)
    applied_generation = models.PositiveIntegerField(_("applied generation"), default=0)
    is_dirty = models.BooleanField(_("to be applied"), default=True)
    # Whether the customer is to be told as soon as it works.
    announce = models.BooleanField(default=False, editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now_add=True)
    applied_at = models.DateTimeField(_("applied"), null=True)
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True)
    error = models.TextField(_("last error"), blank=True)

    class Meta:
        verbose_name = _("access")
        verbose_name_plural = _("accesses")
        ordering = ["-id"]
        indexes = [
            # In the order of working them off, so that taking the next one never sorts the others.
            models.Index(fields=["-changed_at"], condition=Q(is_dirty=True), name="access_dirty"),
            models.Index(fields=["until"]),
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


class PanelAccount(models.Model):
    """An Access on one panel, as last observed. Never deleted.

    Only the reconciler and the full sync write it.
    """

    class Placement(models.TextChoices):
        JOINING = "joining", _("Being made")
        SERVING = "serving", _("Serving")
        LEAVING = "leaving", _("Being removed")
        GONE = "gone", _("Removed")

    LIVE = (Placement.JOINING, Placement.SERVING)

    access = models.ForeignKey(Access, models.PROTECT, related_name="accounts", verbose_name=_("access"))
    panel = models.ForeignKey(Panel, models.PROTECT, related_name="accounts", verbose_name=_("panel"))
    name = models.CharField(_("account name"), max_length=32)
    placement = models.CharField(_("placement"), max_length=8, choices=Placement, default=Placement.JOINING)
    applied_generation = models.PositiveIntegerField(_("applied generation"), default=0)
    observed_status = models.CharField(_("status on the panel"), max_length=20, blank=True)
    observed_until = models.DateTimeField(_("until, on the panel"), null=True)
    observed_limit = models.PositiveBigIntegerField(_("limit on the panel, bytes"), default=0)
    links = models.JSONField(default=list)
    # The panel's traffic counter at the last look, in bytes; `used_bytes` grows on when it is reset.
    counter = models.PositiveBigIntegerField(default=0)
    used_bytes = models.PositiveBigIntegerField(_("used, bytes"), default=0)
    online_at = models.DateTimeField(_("last online"), null=True)
    observed_at = models.DateTimeField(_("observed"), null=True)
    error = models.TextField(_("last error"), blank=True)
    joined_at = models.DateTimeField(_("made"), auto_now_add=True)
    serving_at = models.DateTimeField(_("serving since"), null=True)
    gone_at = models.DateTimeField(_("removed"), null=True)

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
        ]
        indexes = [models.Index(fields=["panel", "placement"])]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.placement in self.LIVE


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
