"""What customers hold: a plan's terms copied into a subscription, and the grants that moved its end."""

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core.crypto import EncryptedTextField
from vpnpanel.models import Access, PanelGroup

MOST_DAYS = 3660  # more is a slip of the finger, and far enough out there is no date


class Plan(models.Model):
    """Terms that can be had. Editing a plan changes nobody: terms are copied when granted."""

    code = models.SlugField(_("code"), unique=True)
    name_en = models.CharField(_("name, English"), max_length=60)
    name_ru = models.CharField(_("name, Russian"), max_length=60)
    about_en = models.CharField(_("what it contains, English"), max_length=300, blank=True)
    about_ru = models.CharField(_("what it contains, Russian"), max_length=300, blank=True)
    is_trial = models.BooleanField(_("trial"), default=False)
    days = models.PositiveSmallIntegerField(_("days"), validators=[MaxValueValidator(MOST_DAYS)])
    traffic_limit = models.PositiveBigIntegerField(
        _("traffic, bytes"), default=0, help_text=_("0: no limit.")
    )
    devices = models.PositiveSmallIntegerField(_("devices"), default=0, help_text=_("0: no limit."))
    groups = models.ManyToManyField(PanelGroup, related_name="plans", verbose_name=_("panel groups"))
    is_open = models.BooleanField(_("on sale"), default=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(days__gte=1), name="plan_has_days"),
            models.UniqueConstraint(
                fields=["is_trial"], condition=Q(is_trial=True, is_open=True), name="plan_one_open_trial"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_in(get_language() or "")

    def name_in(self, language: str) -> str:
        return self.name_ru if language == "ru" else self.name_en

    @property
    def about(self) -> str:
        return self.about_ru if get_language() == "ru" else self.about_en


class Subscription(models.Model):
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
    token = EncryptedTextField(editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="active"), name="subscription_to_expire")
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def is_live(self, at: datetime) -> bool:
        """Tell whether bought time is left and nothing holds it back (bans are the customer's)."""
        return self.state == self.State.ACTIVE and not self.is_disabled and self.expires_at > at

    @property
    def subject(self) -> str:
        """How lines of the trail name this subscription."""
        return f"subscription:{self.pk}"

    @property
    def link(self) -> str:
        """The address customers put into their app. A secret: whoever has it has the access."""
        return f"{settings.PUBLIC_BASE_URL}/s/{self.token}"


class Grant(models.Model):
    """Why the end or the limits of a subscription moved. `source` says what for, once.

    The grants of a subscription form a queue: time is used up from the lowest `place`, and what is
    left of each follows from `queued_seconds` and the subscription's end. Taking back removes a grant
    from the queue, restoring puts what was taken at its end.
    """

    class State(models.TextChoices):
        GIVEN = "given", _("Given")
        REVOKED = "revoked", _("Taken back")

    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="grants", verbose_name=_("subscription")
    )
    source = models.CharField(_("source"), max_length=80, unique=True)
    seconds = models.PositiveBigIntegerField(_("seconds"))
    traffic = models.PositiveBigIntegerField(_("traffic, bytes"), default=0)
    devices = models.PositiveSmallIntegerField(_("devices"), default=0)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.GIVEN)
    place = models.PositiveIntegerField(editable=False)
    queued_seconds = models.PositiveBigIntegerField(editable=False)
    revoked_seconds = models.PositiveBigIntegerField(_("seconds taken back"), default=0)
    revoked_traffic = models.PositiveBigIntegerField(_("traffic taken back, bytes"), default=0)
    revoked_devices = models.PositiveSmallIntegerField(_("devices taken back"), default=0)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    ends_before = models.DateTimeField(_("end before"), null=True)
    ends_after = models.DateTimeField(_("end after"))
    created_at = models.DateTimeField(_("time"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("taken back at"), null=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="given", revoked_at__isnull=True)
                | Q(state="revoked", revoked_at__isnull=False),
                name="grant_revoked_has_time",
            ),
            models.UniqueConstraint(fields=["subscription", "place"], name="grant_place_once"),
            models.CheckConstraint(
                condition=Q(revoked_seconds__lte=models.F("queued_seconds")),
                name="grant_takes_back_no_more_than_given",
            ),
        ]

    def __str__(self) -> str:
        return self.source


class TrialUse(models.Model):
    """One trial per identity, for ever: the keyed hash survives the erasure of the customer."""

    identity_hash = models.CharField(max_length=64, unique=True)
    subscription = models.ForeignKey(Subscription, models.SET_NULL, null=True, related_name="trial_uses")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.identity_hash[:12]
