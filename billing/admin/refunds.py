"""Refunds for staff: what goes back, how far it came, and what must be paid out by hand."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.admin.money import MoneyAdmin
from billing.models import Refund
from billing.shown import REFUND_TONES, amount_of
from core.staff import column, copied, link_to


@admin.register(Refund)
class RefundAdmin(MoneyAdmin):
    secrets = ("request",)
    list_display = (
        "id",
        "shown_state",
        "payer_link",
        "payment_link",
        "amount_shown",
        "reason",
        "by",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "is_external", "created_at")
    list_select_related = ("payment__order__payer",)
    customer_columns = ("payment__order__payer",)
    search_help_text = _("Number, id at the provider, or Telegram id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("shown_state", "amount_shown"),
                    ("payer_link", "payment_link"),
                    ("reason", "by"),
                    ("takes_access", "is_external"),
                    ("remote_shown", "taken_from"),
                )
            },
        ),
        (
            _("How it went"),
            {"fields": (("created_at", "finished_at"), ("tries", "provider_reason"), "error")},
        ),
    )
    readonly_fields = tuple(
        name
        for _title, options in fieldsets
        for row in options["fields"]
        for name in ((row,) if isinstance(row, str) else row)
    )

    def found_by(self, text: str, number: int | None) -> Q:
        found = Q(remote_id=text[:64])
        return found if number is None else found | Q(pk=number)

    @column(_("state"), tones=REFUND_TONES, ordering="state")
    def shown_state(self, refund: Refund) -> tuple[str, str]:
        return refund.state, refund.get_state_display()

    @column(_("customer"))
    def payer_link(self, refund: Refund) -> str:
        order = refund.payment.order
        return link_to(order.payer if order else None)

    @column(_("payment"))
    def payment_link(self, refund: Refund) -> str:
        return link_to(refund.payment)

    @column(_("amount"), ordering="amount")
    def amount_shown(self, refund: Refund) -> str:
        return amount_of(refund.amount, refund.currency)

    @column(_("by"))
    def by(self, refund: Refund) -> Any:
        return _("in the provider's cabinet") if refund.is_external else refund.actor

    @column(_("id at the provider"))
    def remote_shown(self, refund: Refund) -> str:
        return copied(refund.remote_id)
