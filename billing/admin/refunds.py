"""Refunds for staff: what goes back, how far it came, and what must be paid out by hand."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.admin.money import MoneyAdmin
from billing.models import Provider, Refund
from billing.services import refunds
from billing.shown import REFUND_TONES, amount_of
from core.actors import who
from core.acts import Act, Change, ReasonForm
from core.staff import column, copied, link_to


def becomes(state: Refund.State) -> Any:
    def changes(refund: Refund, values: dict[str, Any]) -> list[Change]:
        return [Change(_("Refund"), refund.get_state_display(), state.label)]

    return changes


def pay_out(refund: Refund, values: dict[str, Any], actor: str) -> Any:
    refunds.pay_out_by_hand(refund.pk, reason=values["reason"], actor=actor)
    return _("Written down: the money was paid out by hand.")


def try_again(refund: Refund, values: dict[str, Any], actor: str) -> Any:
    refunds.try_again(refund.pk, reason=values["reason"], actor=actor)
    return _("It goes to the provider once more, within seconds.")


def give_up(refund: Refund, values: dict[str, Any], actor: str) -> Any:
    refunds.give_up(refund.pk, reason=values["reason"], actor=actor)
    return _("Given up. The money stays, the access is back, and the customer is told.")


def waits_for_staff(refund: Refund) -> bool:
    return refund.state == Refund.State.MANUAL


def can_be_sent(refund: Refund) -> bool:
    """Money that no provider took can't be sent back by one."""
    return waits_for_staff(refund) and refund.payment.provider == Provider.YOOKASSA


PERMISSION = "billing.change_refund"
ACTS = (
    Act(
        name="pay-out",
        title=_("Paid out by hand"),
        about=_("You sent the money back yourself. Say how, so that others find it."),
        permission=PERMISSION,
        run=pay_out,
        form=ReasonForm,
        changes=becomes(Refund.State.SUCCEEDED),
        is_possible=waits_for_staff,
        icon="payments",
        tone="primary",
    ),
    Act(
        name="try-again",
        title=_("Try again"),
        about=_("The provider is asked once more, as if for the first time."),
        permission=PERMISSION,
        run=try_again,
        form=ReasonForm,
        changes=becomes(Refund.State.REQUESTED),
        is_possible=can_be_sent,
        icon="refresh",
    ),
    Act(
        name="give-up",
        title=_("Give up"),
        about=_("The money stays in the shop, and the access that was taken for it comes back."),
        permission=PERMISSION,
        run=give_up,
        form=ReasonForm,
        changes=becomes(Refund.State.FAILED),
        is_possible=waits_for_staff,
        icon="block",
        tone="danger",
    ),
)


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

    acts = ACTS

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
        return _("in the provider's cabinet") if refund.is_external else who(refund.actor)

    @column(_("id at the provider"))
    def remote_shown(self, refund: Refund) -> str:
        return copied(refund.remote_id)
