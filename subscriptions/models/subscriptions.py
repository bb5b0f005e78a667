"""What customers hold: a plan's terms copied into a subscription."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.crypto import EncryptedTextField
from subscriptions.models.plans import Conditions, Plan
from vpnpanel.models import Access


class Subscription(Conditions):
    """A customer's right to access, with one stable link. Only grants move `expires_at`."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        EXPIRED = "expired", _("Expired")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="subscriptions", verbose_name=_("customer")
    )
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions", verbose_name=_("plan"))
    access = models.OneToOneField(
        Access, models.PROTECT, related_name="subscription", verbose_name=_("access")
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ACTIVE)
    is_disabled = models.BooleanField(_("disabled by staff"), default=False)
    disabled_reason = models.CharField(_("why disabled"), max_length=300, blank=True)
    expires_at = models.DateTimeField(_("ends"))
    reminded_end = models.DateTimeField(
        null=True, editable=False, help_text="The end the customer knows to be near."
    )
    # Traffic as `subscriptions.services.allowances` keeps it. Bytes over all that ever flowed, as in the
    # limit of the access.
    allowance_from = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="How many bytes had flowed when traffic last started anew."
    )
    allowance_extra = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Bytes of the limit that do not lapse at the next start."
    )
    allowance_grant = models.ForeignKey(
        "subscriptions.Grant",
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        help_text="Whose time runs.",
    )
    allowance_at = models.DateTimeField(_("traffic started anew"), null=True, editable=False)
    resets_at = models.DateTimeField(_("traffic starts anew"), null=True, editable=False)
    own_limit = models.PositiveBigIntegerField(
        _("limit set by staff, bytes"), null=True, editable=False, help_text=_("0: no limit.")
    )
    # What the plans allow meanwhile, kept for when that is lifted.
    plans_limit = models.PositiveBigIntegerField(default=0, editable=False)
    plans_extra = models.PositiveBigIntegerField(default=0, editable=False)
    told_percent = models.PositiveSmallIntegerField(default=0, editable=False)
    token = EncryptedTextField(editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    link_changed_at = models.DateTimeField(_("link replaced"), null=True, editable=False)
    first_fetched_at = models.DateTimeField(_("first fetched by an app"), null=True, editable=False)
    last_fetched_at = models.DateTimeField(_("last fetched by an app"), null=True, editable=False)
    last_app = models.CharField(_("app"), max_length=128, blank=True, editable=False)
    hinted_at = models.DateTimeField(
        null=True, editable=False, help_text="When the customer was asked whether they need help to connect."
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="active"), name="subscription_to_expire"),
            models.Index(
                fields=["created_at"],
                condition=Q(state="active", first_fetched_at__isnull=True),
                name="subscription_not_connected",
            ),
            models.Index(
                fields=["resets_at"], condition=Q(resets_at__isnull=False), name="subscription_to_reset"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def is_live(self, at: datetime) -> bool:
        """Tell whether bought time is left and nothing holds it back (bans are the customer's)."""
        return self.state == self.State.ACTIVE and not self.is_disabled and self.expires_at > at

    ALLOWANCE = (
        "allowance_from",
        "allowance_extra",
        "allowance_grant",
        "allowance_at",
        "resets_at",
        "own_limit",
        "plans_limit",
        "plans_extra",
        "told_percent",
    )

    @property
    def period_limit(self) -> int:
        """How many bytes may flow before traffic starts anew; 0: no limit. Its access must be loaded."""
        limit = self.access.traffic_limit
        return max(limit - self.allowance_from, 1) if limit else 0

    def period_used(self, used_bytes: int) -> int:
        """Return how many bytes flowed since traffic last started anew, of all that ever flowed."""
        return max(used_bytes - self.allowance_from, 0)

    @property
    def keeps_traffic(self) -> bool:
        """Tell whether what is left stays when traffic starts anew; its `allowance_grant` must be loaded."""
        running = self.allowance_grant
        return self.own_limit is None and (running is None or running.keeps_traffic)

    @property
    def subject(self) -> str:
        """How lines of the trail name this subscription."""
        return f"subscription:{self.pk}"

    @property
    def link(self) -> str:
        """The address customers put into their app. A secret: whoever has it has the access."""
        return f"{settings.PUBLIC_BASE_URL}/s/{self.token}"


class TrialUse(models.Model):
    """One trial per identity, for ever: the keyed hash survives the erasure of the customer."""

    identity_hash = models.CharField(max_length=64, unique=True)
    subscription = models.ForeignKey(Subscription, models.SET_NULL, null=True, related_name="trial_uses")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.identity_hash[:12]
