"""What plans cost."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import money
from subscriptions.models import Plan


class Price(models.Model):
    """What a plan costs in one currency."""

    class Currency(models.TextChoices):
        RUB = "RUB", "RUB"

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="prices", verbose_name=_("plan"))
    currency = models.CharField(_("currency"), max_length=4, choices=Currency, default=Currency.RUB)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(fields=["plan", "currency"], name="price_once_per_currency"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="price_costs_something"),
        ]

    def __str__(self) -> str:
        return money.shown(self.amount, self.currency)
