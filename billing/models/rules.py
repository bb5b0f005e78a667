"""What staff may turn: one row."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class BillingRules(models.Model):
    """The shop's rules for money. There is one row."""

    class Extra(models.TextChoices):
        CREDIT = "credit", _("Keep it as the customer's credit")
        REFUND = "refund", _("Send it back")

    only = models.BooleanField(default=True, unique=True, editable=False)
    refund_days = models.PositiveSmallIntegerField(
        _("refund within, days"),
        default=14,
        validators=[MaxValueValidator(1095)],
        help_text=_("After that staff may still refund, with a reason."),
    )
    extra_money = models.CharField(
        _("money paid twice, or for what cannot be given"),
        max_length=8,
        choices=Extra,
        default=Extra.CREDIT,
    )

    class Meta:
        verbose_name = _("rules for money")
        verbose_name_plural = _("rules for money")
        constraints = [models.CheckConstraint(condition=models.Q(only=True), name="billing_rules_only_one")]

    def __str__(self) -> str:
        return str(_("Rules for money"))
