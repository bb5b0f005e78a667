"""What customers hold: a plan's terms copied into a subscription, and the grants that moved its end."""

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language, pgettext_lazy
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
    position = models.PositiveSmallIntegerField(pgettext_lazy("place in a list", "order"), default=0)

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
    left of each follows from `queued_seconds` and the subscription's end. Taking back shortens a grant
    in the queue; what is given back joins what is left of the grant, at the queue's end.

    A grant with a `plan` replaced the terms: its plan, devices and groups count until a newer one comes.
    One without added to the terms there were.
    """

    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="grants", verbose_name=_("subscription")
    )
    source = models.CharField(_("source"), max_length=80, unique=True)
    plan = models.ForeignKey(
        Plan, models.PROTECT, null=True, related_name="grants", verbose_name=_("plan"), editable=False
    )
    seconds = models.PositiveBigIntegerField(_("seconds"))
    traffic = models.PositiveBigIntegerField(_("traffic, bytes"), default=0)
    devices = models.PositiveSmallIntegerField(_("devices"), default=0)
    group_ids = models.JSONField(default=list, editable=False)
    kept_traffic = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Bytes left of the limit when these terms came."
    )
    place = models.PositiveIntegerField(editable=False)
    queued_seconds = models.PositiveBigIntegerField(editable=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    ends_before = models.DateTimeField(_("end before"), null=True)
    ends_after = models.DateTimeField(_("end after"))
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "place"], name="grant_place_once"),
            models.CheckConstraint(
                condition=Q(queued_seconds__lte=models.F("seconds")), name="grant_queues_no_more_than_given"
            ),
        ]

    def __str__(self) -> str:
        return self.source


class TakeBack(models.Model):
    """A part of a grant that was taken back, for a reason named once by `by`; it may be given back."""

    class State(models.TextChoices):
        TAKEN = "taken", _("Taken back")
        GIVEN_BACK = "given_back", _("Given back")

    grant = models.ForeignKey(Grant, models.PROTECT, related_name="take_backs", verbose_name=_("grant"))
    by = models.CharField(_("what for"), max_length=80, unique=True)
    seconds = models.PositiveBigIntegerField(_("seconds"))
    traffic = models.PositiveBigIntegerField(_("traffic, bytes"), default=0)
    devices = models.PositiveSmallIntegerField(_("devices"), default=0)
    is_whole = models.BooleanField(
        _("all that was unused"), default=False, help_text="The grant's terms no longer count either."
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.TAKEN)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    ends_before = models.DateTimeField(_("end before"), null=True)
    ends_after = models.DateTimeField(_("end after"), null=True)
    taken_at = models.DateTimeField(_("taken back at"))
    given_back_at = models.DateTimeField(_("given back at"), null=True)

    class Meta:
        verbose_name = _("taking back")
        verbose_name_plural = _("takings back")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="taken", given_back_at__isnull=True)
                | Q(state="given_back", given_back_at__isnull=False),
                name="take_back_given_back_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.by


class TrialUse(models.Model):
    """One trial per identity, for ever: the keyed hash survives the erasure of the customer."""

    identity_hash = models.CharField(max_length=64, unique=True)
    subscription = models.ForeignKey(Subscription, models.SET_NULL, null=True, related_name="trial_uses")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.identity_hash[:12]
