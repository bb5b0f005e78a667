"""Our accounts with payment providers, set up by staff."""

from datetime import datetime

from django.db import models
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.models.providers import OUTSIDE, Provider
from core.crypto import EncryptedTextField


class ProviderAccount(models.Model):
    """One account (a "shop") with one provider, in test or in live mode for good.

    The secret is write-only for staff. Health: `refused_at` stands while the provider refuses our keys;
    `hidden_until` while it failed too often in a row. Either hides the account from customers.
    """

    kind = models.CharField(
        _("provider"),
        max_length=16,
        choices=[(each.value, each.label) for each in OUTSIDE],
        default=Provider.YOOKASSA,
    )
    name_en = models.CharField(_("name for customers, English"), max_length=60, default="Bank card, SBP")
    name_ru = models.CharField(_("name for customers, Russian"), max_length=60, default="Карта или СБП")
    remote_account = models.CharField(_("shop id"), max_length=64)
    secret = EncryptedTextField(_("secret key"))
    is_test = models.BooleanField(_("test mode"), default=True)
    is_open = models.BooleanField(_("customers may pay with it"), default=False)
    position = models.PositiveSmallIntegerField(pgettext_lazy("place in a list", "order"), default=0)
    sends_receipts = models.BooleanField(_("send receipts (54-FZ)"), default=False)
    receipt_email = models.EmailField(_("e-mail for receipts of customers without one"), blank=True)
    vat_code = models.PositiveSmallIntegerField(_("VAT code of receipts"), default=1)

    checked_at = models.DateTimeField(_("checked"), null=True, editable=False)
    answered_at = models.DateTimeField(_("last answer"), null=True, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)
    refused_at = models.DateTimeField(_("keys refused since"), null=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    hidden_until = models.DateTimeField(_("hidden until"), null=True, editable=False)
    listed_until = models.DateTimeField(
        _("compared up to"), null=True, editable=False, help_text="How far the sweep has read its books."
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("payment provider")
        verbose_name_plural = _("payment providers")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "remote_account"], name="provider_account_once"),
        ]

    def __str__(self) -> str:
        mode = " (test)" if self.is_test else ""
        return f"{self.get_kind_display()} {self.remote_account}{mode}"

    @property
    def name(self) -> str:
        return self.name_ru if get_language() == "ru" else self.name_en

    def is_offered(self, at: datetime) -> bool:
        """Tell whether customers can pay with it now."""
        is_hidden = self.hidden_until is not None and self.hidden_until > at
        return self.is_open and self.refused_at is None and not is_hidden

    @property
    def subject(self) -> str:
        """How lines of the trail name this account."""
        return f"provider:{self.pk}"
