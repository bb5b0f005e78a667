"""Orders: what is bought, on which terms, at which price. Both are copied, so later edits change nobody."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Document
from billing.models.prices import Price
from core import money
from core.claims import Claimable
from subscriptions.models import Conditions, Plan, Subscription


class Order(Conditions, Claimable):
    """A customer's wish to buy, then the fact that they did."""

    class Kind(models.TextChoices):
        NEW = "new", _("New subscription")
        RENEWAL = "renewal", _("Renewal")

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for payment")
        PAID = "paid", _("Paid, not given yet")
        FULFILLED = "fulfilled", _("Fulfilled")
        REFUSED = "refused", _("Paid, refused")
        CLOSED = "closed", _("Closed unpaid")
        REFUNDED = "refunded", _("Refunded")

    # Money that comes late is honoured, so a closed order can still be paid.
    TRANSITIONS: dict[str, frozenset[str]] = {
        State.OPEN: frozenset({State.PAID, State.CLOSED}),
        State.CLOSED: frozenset({State.PAID}),
        State.PAID: frozenset({State.FULFILLED, State.REFUSED, State.REFUNDED}),
        State.FULFILLED: frozenset({State.REFUNDED}),
        State.REFUSED: frozenset({State.REFUNDED}),
        # A refund that finally failed: the money is ours again, and so is the duty to deliver.
        State.REFUNDED: frozenset({State.PAID, State.FULFILLED, State.REFUSED}),
    }

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.OPEN)
    payer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders", verbose_name=_("payer")
    )
    receiver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="received_orders", verbose_name=_("receiver")
    )
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="orders", verbose_name=_("plan"))
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, null=True, related_name="orders", verbose_name=_("subscription")
    )
    plan_name_en = models.CharField(max_length=60)
    plan_name_ru = models.CharField(max_length=60)
    days = models.PositiveSmallIntegerField(_("days"))
    traffic_limit = models.PositiveBigIntegerField(_("traffic, bytes"))
    devices = models.PositiveSmallIntegerField(_("devices"))
    group_ids = models.JSONField(default=list)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=4, choices=Price.Currency)
    offer = models.ForeignKey(
        Document, models.PROTECT, null=True, related_name="+", verbose_name=_("accepted offer")
    )
    refusal = models.CharField(_("why refused"), max_length=300, blank=True)
    fulfilment_error = models.TextField(_("why not given yet"), blank=True)
    fulfilment_tries = models.PositiveSmallIntegerField(_("tries to give"), default=0)
    next_try_at = models.DateTimeField(null=True, editable=False)
    alerted_at = models.DateTimeField(_("staff alerted"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    paid_at = models.DateTimeField(_("paid"), null=True)
    fulfilled_at = models.DateTimeField(_("fulfilled"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["payer", "-id"], name="order_of_payer"),
            models.Index(fields=["next_try_at"], condition=Q(state="paid"), name="order_to_fulfil"),
            models.Index(fields=["created_at"], condition=Q(state="open"), name="order_open"),
            models.Index(fields=["paid_at"], name="order_paid_at"),
            models.Index(fields=["state", "-id"], name="order_by_state"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="order_costs_something"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "closed"]) | Q(paid_at__isnull=False),
                name="order_paid_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="fulfilled") | Q(subscription__isnull=False, fulfilled_at__isnull=False),
                name="order_fulfilled_has_subscription",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def plan_name_in(self, language: str) -> str:
        return self.plan_name_ru if language == "ru" else self.plan_name_en

    @property
    def source(self) -> str:
        """The source of the grant this order pays for."""
        return f"order:{self.pk}"

    @property
    def subject(self) -> str:
        """How lines of the trail name this order."""
        return f"order:{self.pk}"

    @property
    def price_shown(self) -> str:
        return money.shown(self.amount, self.currency)

    def may_become(self, state: Any) -> bool:
        return state in self.TRANSITIONS[self.state]
