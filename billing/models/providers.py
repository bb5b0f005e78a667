"""Who takes the money of a payment."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Provider(models.TextChoices):
    """An outside provider; or ours alone: staff who took the money, or what the customer had with us."""

    YOOKASSA = "yookassa", "YooKassa"
    MANUAL = "manual", _("By hand")
    CREDIT = "credit", _("Customer's credit")

    @property
    def is_outside(self) -> bool:
        """Tell whether the shop has accounts there, and asks it to pay back."""
        return self not in (Provider.MANUAL, Provider.CREDIT)


OUTSIDE = [each for each in Provider if each.is_outside]
