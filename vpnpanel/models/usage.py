"""How much traffic flowed, day by day."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from vpnpanel.models.accesses import Access


class AccessUsage(models.Model):
    """The traffic of one access on one day, over all its panels.

    Days are those of the installation's time zone (the setting TIME_ZONE). Traffic counts on the day a look
    at a panel found it, so what flowed between two looks around midnight is the later day's.
    """

    access = models.ForeignKey(
        Access, models.CASCADE, related_name="usage", db_index=False, verbose_name=_("access")
    )
    day = models.DateField(_("day"), db_index=True)
    bytes = models.PositiveBigIntegerField(_("traffic, bytes"))

    class Meta:
        verbose_name = _("traffic of a day")
        verbose_name_plural = _("traffic by day")
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["access", "day"], name="access_usage_once_a_day")]

    def __str__(self) -> str:
        return f"{self.access_id} {self.day:%Y-%m-%d}"
