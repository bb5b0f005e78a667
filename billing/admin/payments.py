"""Payments for staff: what was asked, what the provider said, where the money went."""

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.admin.money import MoneyAdmin
from billing.admin.refunding import REFUND
from billing.admin.story import story_of
from billing.models import Decision, JournalEntry, Payment, Refund
from billing.shown import PAYMENT_TONES, amount_of
from core.acts import Act
from core.staff import column, copied, link_to

ROWS_SHOWN = 50
BOOKED_TONES = {"": "default", "order": "success", "credit": "info", "suspense": "warning"}


def payment_parts(payment: Payment) -> dict[str, Any]:
    """Return what stands under a payment's fields: five queries, however much there is."""
    return {
        "story": story_of(payment),
        "refunds": list(Refund.objects.filter(payment=payment)[:ROWS_SHOWN]),
        "journal": list(JournalEntry.objects.filter(payment=payment).order_by("id")[:ROWS_SHOWN]),
        "decisions": list(Decision.objects.filter(payment=payment)[:ROWS_SHOWN]),
    }


def read_back(payment: Payment, values: dict[str, Any], actor: str) -> Any:
    if not services.check_payment(payment.pk, asked_by=actor):
        return _("Not read: it was read within the last seconds, or the provider did not answer.")
    payment.refresh_from_db()
    return gettext("The provider was asked. The payment is: %(state)s") % {
        "state": payment.get_state_display()
    }


ACTS = (
    Act(
        name="read-back",
        title=_("Read back now"),
        about=_("Ask the provider what it says of this payment, and book it."),
        permission="billing.change_payment",
        run=read_back,
        is_possible=lambda payment: bool(payment.account_id and payment.remote_id),
        icon="sync",
        is_harmless=True,
    ),
    REFUND,
)


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    secrets = ("account__secret", "request", "confirmation_url")
    list_display = (
        "id",
        "shown_state",
        "payer_link",
        "order_link",
        "provider_shown",
        "asked",
        "received",
        "booked",
        "created_at",
        "succeeded_at",
    )
    acts = ACTS
    list_filter = ("state", "booked_as", "provider", "account", "succeeded_at")
    list_select_related = ("order__payer", "account")
    customer_columns = ("order__payer",)
    search_help_text = _("Number, id at the provider, our key, or Telegram id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("shown_state", "booked"),
                    ("payer_link", "order_link"),
                    ("provider_shown", "method_shown"),
                    ("asked", "received"),
                    ("fee_shown", "refunded"),
                    ("remote_shown", "key_shown"),
                )
            },
        ),
        (
            _("How it went"),
            {
                "fields": (
                    ("created_at", "first_sent_at"),
                    ("succeeded_at", "expires_at"),
                    ("checks", "checked_at"),
                    ("reason", "error"),
                )
            },
        ),
    )
    readonly_fields = tuple(
        name for _title, options in fieldsets for row in options["fields"] for name in row
    )
    change_form_outer_after_template = "admin/money/payment.html"

    def found_by(self, text: str, number: int | None) -> Q:
        try:
            return Q(remote_id=text) | Q(key=uuid.UUID(text))
        except ValueError:
            found = Q(remote_id=text[:64])
            return found if number is None else found | Q(pk=number)

    def beside(self, payment: Payment) -> dict[str, Any]:
        return {"parts": payment_parts(payment)}

    @column(_("state"), tones=PAYMENT_TONES, ordering="state")
    def shown_state(self, payment: Payment) -> tuple[str, str]:
        return payment.state, payment.get_state_display()

    @column(_("booked"), tones=BOOKED_TONES)
    def booked(self, payment: Payment) -> tuple[str, str]:
        return payment.booked_as, payment.get_booked_as_display()

    @column(_("payer"))
    def payer_link(self, payment: Payment) -> str:
        return link_to(payment.order.payer if payment.order else None)

    @column(_("order"))
    def order_link(self, payment: Payment) -> str:
        return link_to(payment.order)

    @column(_("provider"))
    def provider_shown(self, payment: Payment) -> str:
        return str(payment.account or payment.get_provider_display())

    @column(_("paid with"))
    def method_shown(self, payment: Payment) -> str:
        return " · ".join(filter(None, (payment.method, payment.method_title))) or "–"

    @column(_("asked"), ordering="amount")
    def asked(self, payment: Payment) -> str:
        return amount_of(payment.amount, payment.currency)

    @column(_("received"))
    def received(self, payment: Payment) -> str:
        return amount_of(payment.received_amount, payment.received_currency)

    @column(_("fee"))
    def fee_shown(self, payment: Payment) -> str:
        return amount_of(payment.fee, payment.received_currency)

    @column(_("refunded"))
    def refunded(self, payment: Payment) -> str:
        return amount_of(payment.refunded_amount, payment.received_currency or payment.currency)

    @column(_("id at the provider"))
    def remote_shown(self, payment: Payment) -> str:
        return copied(payment.remote_id)

    @column(_("our key"))
    def key_shown(self, payment: Payment) -> str:
        return copied(str(payment.key))
