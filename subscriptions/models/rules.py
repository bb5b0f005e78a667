"""What staff may turn of the customers' links: one row."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST_ANNOUNCEMENT = 200  # Happ shows no more


class SubscriptionRules(models.Model):
    """The shop's rules for what apps fetch. There is one row."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    update_hours = models.PositiveSmallIntegerField(
        _("apps refresh every, hours"),
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(168)],
        help_text=_("What apps are advised; their owners may have set another interval."),
    )
    announce_en = models.CharField(
        _("announcement, English"),
        max_length=LONGEST_ANNOUNCEMENT,
        blank=True,
        help_text=_("Shown in apps that have a place for it. Empty: none."),
    )
    announce_ru = models.CharField(_("announcement, Russian"), max_length=LONGEST_ANNOUNCEMENT, blank=True)
    fetches_per_minute = models.PositiveSmallIntegerField(
        _("fetches a minute"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("How often one link may be fetched; more is told to come back later."),
    )

    device_removals = models.PositiveSmallIntegerField(
        _("devices a customer may remove a day"),
        default=5,
        validators=[MaxValueValidator(100)],
        help_text=_("Else one link would serve a crowd in turns. Staff may always."),
    )

    class Meta:
        verbose_name = _("rules for links")
        verbose_name_plural = _("rules for links")
        constraints = [
            models.CheckConstraint(condition=models.Q(only=True), name="subscription_rules_only_one")
        ]

    def __str__(self) -> str:
        return str(_("Rules for links"))

    def announcement_in(self, language: str) -> str:
        """The announcement in the language or, where that was left empty, in the other."""
        own, other = self.announce_en, self.announce_ru
        return (other or own) if language == "ru" else (own or other)
