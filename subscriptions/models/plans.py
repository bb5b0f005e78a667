"""What can be had, and the conditions that are copied from there into orders, grants and subscriptions."""

from typing import Any

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from vpnpanel.models import PanelGroup

MOST_DAYS = 3660  # more is a slip of the finger, and far enough out there is no date


class Conditions(models.Model):
    """What a plan grants beyond time and amounts. Copied when ordered and granted: edits change nobody."""

    class TrafficReset(models.TextChoices):
        RENEWAL = "renewal", _("With each renewal")
        MONTHLY = "monthly", _("Every month, on the day it began")
        NEVER = "never", _("Never: what is bought adds up")

    class DeviceMode(models.TextChoices):
        OFF = "off", _("Not counted")
        SOFT = "soft", _("Counted where the app tells; others pass")
        STRICT = "strict", _("Only apps that tell which device they are on")

    panel_count = models.PositiveSmallIntegerField(
        _("panels at once"),
        default=1,
        help_text=_("On how many panels the key works at the same time. 0: on all panels of the groups."),
    )
    traffic_reset = models.CharField(
        _("traffic starts anew"), max_length=8, choices=TrafficReset, default=TrafficReset.RENEWAL
    )
    carries_over = models.BooleanField(
        _("unused traffic is kept"),
        default=True,
        help_text=_("When traffic starts anew, what is left adds to it."),
    )
    device_mode = models.CharField(_("devices are"), max_length=6, choices=DeviceMode, default=DeviceMode.OFF)

    class Meta:
        abstract = True

    @property
    def counts_devices(self) -> bool:
        """Whether devices that tell which one they are take places."""
        return self.device_mode != self.DeviceMode.OFF

    @property
    def conditions(self) -> dict[str, Any]:
        """The values by name, to copy into another row."""
        return {field.name: getattr(self, field.name) for field in Conditions._meta.local_fields}


class Plan(Conditions):
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

    class Meta(Conditions.Meta):
        abstract = False
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
