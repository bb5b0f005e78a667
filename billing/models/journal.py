"""The journal: every movement of money, from one account to another. Written once, never changed."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.accounts import ProviderAccount
from billing.models.orders import Order
from billing.models.payments import Payment
from core import money


class JournalEntry(models.Model):
    """One amount moved from `credit` to `debit`: each entry balances by its shape. Balances are sums.

    `fact` says which fact it books, once: `charge:<account>:<provider's payment id>`, `sale:order:<id>`.
    A balance is what was debited minus what was credited: assets are positive, what we owe is negative.
    """

    class Account(models.TextChoices):
        PROVIDER = "provider", _("Money at the provider")
        CASH = "cash", _("Money received by hand")
        FEES = "fees", _("Provider's fees")
        PREPAID = "prepaid", _("Paid orders, not given yet")
        CREDIT = "credit", _("Customers' credit")
        SUSPENSE = "suspense", _("Money that waits for a decision")
        REFUNDS = "refunds", _("Refunds on their way")
        SALES = "sales", _("Sales")

    fact = models.CharField(_("fact"), max_length=150, unique=True)
    debit = models.CharField(_("to"), max_length=8, choices=Account)
    credit = models.CharField(_("from"), max_length=8, choices=Account)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=8)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("customer")
    )
    account = models.ForeignKey(
        ProviderAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("provider account")
    )
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="journal", verbose_name=_("order")
    )
    payment = models.ForeignKey(
        Payment, models.PROTECT, null=True, related_name="journal", verbose_name=_("payment")
    )
    refund = models.ForeignKey(
        "billing.Refund", models.PROTECT, null=True, related_name="journal", verbose_name=_("refund")
    )
    note = models.CharField(_("note"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["customer", "currency"],
                condition=Q(debit="credit") | Q(credit="credit"),
                name="journal_customer_credit",
            )
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="journal_moves_something"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="journal_moves_between_two"),
            models.CheckConstraint(
                condition=~(Q(debit="credit") | Q(credit="credit")) | Q(customer__isnull=False),
                name="journal_credit_is_somebodys",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fact}: {money.shown(self.amount, self.currency)}"
