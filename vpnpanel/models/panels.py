"""Panels, and the groups that plans sell."""

import base64
import binascii
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.crypto import EncryptedTextField
from core.said import SaidField

DEFAULT_PORTS = {"http": 80, "https": 443}
# So many changes lost in a row are no chance any more: new customers are placed on other panels.
LOST_CHANGES = 3


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


def normal_address(address: str) -> str:
    """Return the one form of an address, so that a panel is not added twice.

    Small letters in scheme and host, no default port, no slash at the end; the path is kept as it is. What is
    no address comes back unchanged.
    """
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError:
        return address
    host = parts.hostname or ""
    if not host or parts.username:
        return address.strip().rstrip("/")
    host = f"[{host}]" if ":" in host else host
    place = host if port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), parts.query, parts.fragment))


def require_base32(value: str) -> None:
    """Raise ValidationError unless the value can be the secret behind a QR code of a second factor."""
    text = value.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        is_fit = bool(base64.b32decode(text + "=" * (-len(text) % 8)))
    except binascii.Error:
        is_fit = False
    if not is_fit:
        raise ValidationError(_("Give the text behind the QR code: letters and the digits 2 to 7."))


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
        XUI = "xui", "3x-ui"

    class State(models.TextChoices):
        OPEN = "open", _("Open for sale")
        CLOSED = "closed", _("Closed for sale, still serving")
        DRAINING = "draining", _("Draining")
        LOST = "lost", _("Lost: move its customers away")
        OFF = "off", _("Switched off")

    class Guard(models.TextChoices):
        UNTESTED = "untested", _("Not tested yet")
        PASSED = "passed", _("Passed")
        FAILED = "failed", _("Not passed: closed for sale")

    SERVING = (State.OPEN, State.CLOSED, State.DRAINING)

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.MARZBAN)
    base_url = models.CharField(_("address"), max_length=300, validators=[require_web_address])
    username = models.CharField(_("administrator"), max_length=100, blank=True)
    password = EncryptedTextField(_("password"), blank=True, default="")
    token = EncryptedTextField(
        _("API token"),
        blank=True,
        default="",
        help_text=_("3x-ui from version 3 on: used instead of a password."),
    )
    totp_secret = EncryptedTextField(
        _("secret of the second factor"),
        blank=True,
        default="",
        validators=[require_base32],
        help_text=_("3x-ui: the text behind the QR code, where its administrator signs in with a code."),
    )
    webhook_secret = EncryptedTextField(
        _("secret of its webhooks"),
        blank=True,
        default="",
        help_text=_("Marzban: the WEBHOOK_SECRET of its settings. Empty: its webhooks are not listened to."),
    )
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
    public_host = models.CharField(
        _("host of the keys"),
        max_length=255,
        blank=True,
        help_text=_("Where customers connect to, if that is another host than the panel's. 3x-ui only."),
    )
    location = models.CharField(_("location shown to customers"), max_length=60, blank=True)
    groups = models.ManyToManyField(PanelGroup, related_name="panels", verbose_name=_("groups"))
    capacity = models.PositiveIntegerField(_("capacity"), default=0, help_text=_("Accounts; 0: no limit."))
    weight = models.PositiveSmallIntegerField(
        _("weight"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("A panel of weight 2 gets twice as many customers as one of weight 1."),
    )
    monthly_cost = models.DecimalField(
        _("monthly cost"), max_digits=10, decimal_places=2, default=0, validators=[MinValueValidator(0)]
    )
    cost_currency = models.CharField(
        _("currency"), max_length=4, default="RUB", choices=[(code, code) for code in ("RUB", "USD", "EUR")]
    )
    holds_changes = models.BooleanField(
        _("hold what a full sync finds"),
        default=False,
        help_text=_("Differences wait for staff to approve them instead of being repaired at once."),
    )
    load = models.PositiveIntegerField(_("accounts placed"), default=0, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    is_up = models.BooleanField(_("answers"), default=True, editable=False)
    up_changed_at = models.DateTimeField(null=True, editable=False)
    seen_at = models.DateTimeField(_("last answer"), null=True, editable=False)
    error = SaidField(_("last error"), blank=True, editable=False)
    # In a row, while it answered questions; counted no further than LOST_CHANGES.
    lost_changes = models.PositiveSmallIntegerField(_("changes lost in a row"), default=0, editable=False)
    version = models.CharField(_("version"), max_length=40, blank=True, editable=False)
    # Which of the API's forms it speaks, as the driver found out; empty where its kind has only one.
    dialect = models.CharField(_("dialect"), max_length=12, blank=True, editable=False)
    guard = models.CharField(
        _("contract test"), max_length=8, choices=Guard, default=Guard.UNTESTED, editable=False
    )
    guard_at = models.DateTimeField(_("last contract test"), null=True, editable=False)
    guard_report = models.JSONField(default=dict, editable=False)
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

    def clean(self) -> None:
        """Require what the kind of panel needs to let us in."""
        if self.kind == self.Kind.XUI and self.token:
            return
        missing = [name for name in ("username", "password") if not getattr(self, name)]
        if self.kind == self.Kind.XUI:
            text = _("3x-ui needs an API token, or name and password.")
        else:
            text = _("Marzban needs the name and the password of an administrator.")
        if missing:
            raise ValidationError(dict.fromkeys(missing, text))

    @property
    def takes_changes(self) -> bool:
        """Whether what is written to it arrives, as far as is known."""
        return self.is_up and self.lost_changes < LOST_CHANGES

    @property
    def why_shut(self) -> str:
        """What keeps new customers away though staff have it open and it answers; empty if nothing does."""
        if self.state != self.State.OPEN:
            return ""
        if self.guard != self.Guard.PASSED:
            failed = self.guard == self.Guard.FAILED
            return str(_("Closed by its contract test") if failed else _("Being tested: not sold yet"))
        return str(_("Takes no changes: not sold")) if self.lost_changes >= LOST_CHANGES else ""

    @property
    def state_words(self) -> str:
        """What staff read of its state."""
        return self.why_shut or self.get_state_display()

    @property
    def may_be_called(self) -> bool:
        """Whether there is any use in calling it now; one that is lost may still let us remove accounts."""
        return self.is_up and self.state != self.State.OFF
