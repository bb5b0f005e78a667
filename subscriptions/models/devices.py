"""The devices that fetched a customer's servers, as far as their apps tell."""

from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from subscriptions.models.subscriptions import Subscription

LONGEST_WORD = 128  # of what an app says of its device


class Device(models.Model):
    """A device that has a place among those a subscription is for. Its id is kept as a keyed hash only.

    What it is called comes from the app, and an app may say anything.
    """

    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="devices", verbose_name=_("subscription")
    )
    hwid_hash = models.CharField(max_length=64, editable=False)
    platform = models.CharField(_("system"), max_length=LONGEST_WORD, blank=True)
    os_version = models.CharField(_("version of the system"), max_length=LONGEST_WORD, blank=True)
    model = models.CharField(_("model"), max_length=LONGEST_WORD, blank=True)
    app = models.CharField(_("app"), max_length=LONGEST_WORD, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(pgettext_lazy("not a person", "last seen"), db_index=True)

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["-last_seen_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "hwid_hash"], name="device_has_one_place")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What people call it: the model, else the system, else the app."""
        return self.model or self.platform or self.app or _now("Unknown device")

    @property
    def system(self) -> str:
        return f"{self.platform} {self.os_version}".strip()
