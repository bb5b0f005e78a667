"""What nobody but staff can decide: each question with what happened, and the answers that are possible."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.admin.money import MoneyAdmin
from billing.models import Decision, Order, Payment
from billing.services import decisions
from billing.services.journal import credit_of
from billing.shown import amount_of
from core.actors import who
from core.acts import Act, Change, ReasonForm
from core.staff import column, link_to

Kind = Decision.Kind

WORDS: dict[str, Any] = {
    Kind.AMOUNT_DIFFERS: _(
        "Money came for this order, but not the sum or the currency that was asked for. It is booked and "
        "waits; nothing was given for it."
    ),
    Kind.UNKNOWN_PAYMENT: _(
        "The provider received a payment that no order of this shop explains. It is booked and waits until "
        "you find out whose it is."
    ),
    Kind.SECOND_PAYMENT: _(
        "The order was paid already when this money came. It is booked as the customer's credit."
    ),
    Kind.REFUSED_ORDER: _(
        "The order was paid, but what was bought could not be given. The money is the customer's credit."
    ),
    Kind.MODE_DIFFERS: _(
        "A test payment came to a live account, or a live one to a test account. It is not believed."
    ),
    Kind.CONTRADICTION: _(
        "What the provider says now contradicts what it said before, or what is booked here. Nothing was "
        "changed: compare it with the provider's cabinet."
    ),
    Kind.MONEY_HELD: _(
        "The customer's money was only held, though the shop asks for it at once. It is captured by itself; "
        "look at the settings of the shop in the provider's cabinet."
    ),
    Kind.REFUND_BY_HAND: _(
        "The provider finally refused to send this money back. Pay it out yourself, try again, or give up: "
        "these stand on the refund's page."
    ),
    Kind.REFUND_UNKNOWN: _("The provider's books hold a refund of a payment that is not known here."),
    Kind.MISSING_THERE: _("This payment is booked here, but the provider's books do not hold it."),
    Kind.RECEIPT_FAILED: _(
        "The payment is valid, but its receipt was not registered. See to it in the provider's cabinet."
    ),
}
FACTS: dict[str, Any] = {
    "trouble": _("What is wrong"),
    "why": _("Why"),
    "said": _("The provider says"),
    "amount": _("Amount there"),
    "asked": _("Asked"),
    "received": _("Received"),
    "currency": _("Currency"),
    "went back": _("Went back"),
    "id": _("Id at the provider"),
}
RESOLUTIONS: dict[str, Any] = {
    "credit": _("Credited to a customer"),
    "refund": _("Sent back"),
    "give": _("Given all the same"),
    "keep": _("Kept as the customer's credit"),
    "dismiss": _("Left as it is"),
    "moot": _("Settled by itself"),
}


class CreditForm(ReasonForm):
    """Whose the money is: known where an order explains it, else found out by staff."""

    telegram_id = forms.IntegerField(label=_("Customer's Telegram id"), min_value=1, max_value=2**52)
    field_order = ("telegram_id", "reason")

    def fit(self) -> None:
        likely = _likely_customer(self.subject)
        if likely is not None:
            self.fields["telegram_id"].initial = likely.telegram_id

    def clean_telegram_id(self) -> int:
        telegram_id: int = self.cleaned_data["telegram_id"]
        if not User.objects.filter(telegram_id=telegram_id).exists():
            raise forms.ValidationError(_("No customer has this Telegram id."))
        return telegram_id


def _likely_customer(decision: Decision) -> User | None:
    return decision.customer or (decision.order.payer if decision.order else None)


def _chosen(values: dict[str, Any]) -> User:
    return User.objects.get(telegram_id=values["telegram_id"])


def _sum(payment: Payment) -> str:
    left = payment.received_amount - payment.refunded_amount if payment.received_amount is not None else None
    return amount_of(left, payment.received_currency)


def credit_changes(decision: Decision, values: dict[str, Any]) -> list[Change]:
    payment = decision.payment
    if "telegram_id" not in values or payment is None or payment.received_amount is None:
        return []
    customer, currency = _chosen(values), payment.received_currency
    before = credit_of(customer, currency)
    after = before + payment.received_amount - payment.refunded_amount
    waits = Payment.Booked.SUSPENSE.label
    return [
        Change(_("The money"), waits, Payment.Booked.CREDIT.label),
        Change(
            _("Credit of %(customer)s") % {"customer": customer},
            amount_of(before, currency),
            amount_of(after, currency),
        ),
    ]


def refund_changes(decision: Decision, values: dict[str, Any]) -> list[Change]:
    payment = decision.payment
    return [Change(_("The money"), _sum(payment), gettext("goes back to the payer"))] if payment else []


def give_changes(decision: Decision, values: dict[str, Any]) -> list[Change]:
    order, payment = decision.order, decision.payment
    if order is None or payment is None:
        return []
    return [
        Change(_("Order %(order)s") % {"order": order}, order.get_state_display(), Order.State.PAID.label),
        Change(_("Price and money"), order.price_shown, _sum(payment)),
    ]


def keep_changes(decision: Decision, values: dict[str, Any]) -> list[Change]:
    credit = Payment.Booked.CREDIT.label
    return [Change(_("The money"), credit, credit)]


def _credit(decision: Decision, values: dict[str, Any], actor: str) -> Any:
    customer = _chosen(values)
    decisions.credit_to_customer(decision.pk, customer_id=customer.pk, reason=values["reason"], actor=actor)
    return gettext("The money is the credit of %(customer)s now. They are told.") % {"customer": customer}


def _refund(decision: Decision, values: dict[str, Any], actor: str) -> Any:
    refund = decisions.refund_it(decision.pk, reason=values["reason"], actor=actor)
    return gettext("Refund %(refund)s is on its way.") % {"refund": refund}


def _give(decision: Decision, values: dict[str, Any], actor: str) -> Any:
    decisions.give_anyway(decision.pk, reason=values["reason"], actor=actor)
    return _("The money pays the order, and what was bought is given.")


def _keep(decision: Decision, values: dict[str, Any], actor: str) -> Any:
    decisions.keep(decision.pk, reason=values["reason"], actor=actor)
    return _("Decided. The money stays the customer's credit.")


def _dismiss(decision: Decision, values: dict[str, Any], actor: str) -> Any:
    decisions.dismiss(decision.pk, reason=values["reason"], actor=actor)
    return _("Decided. Nothing was changed.")


def is_proposed(action: str) -> Callable[[Decision], bool]:
    return lambda decision: action in decisions.proposed(decision)


PERMISSION = "billing.change_decision"
ACTS = (
    Act(
        name="credit",
        title=_("Credit to a customer"),
        about=_("The money becomes a customer's credit: they can buy with it, and are told so."),
        permission=PERMISSION,
        run=_credit,
        form=CreditForm,
        changes=credit_changes,
        is_possible=is_proposed(decisions.CREDIT),
        icon="account_balance_wallet",
        tone="primary",
    ),
    Act(
        name="give",
        title=_("Give all the same"),
        about=_("The money that came pays the order, though it is another sum."),
        permission=PERMISSION,
        run=_give,
        form=ReasonForm,
        changes=give_changes,
        is_possible=is_proposed(decisions.GIVE),
        icon="redeem",
    ),
    Act(
        name="keep",
        title=_("Keep as credit"),
        about=_("The customer can buy with it. Nothing moves."),
        permission=PERMISSION,
        run=_keep,
        form=ReasonForm,
        changes=keep_changes,
        is_possible=is_proposed(decisions.KEEP),
        icon="savings",
        tone="primary",
    ),
    Act(
        name="refund",
        title=_("Send it back"),
        about=_("All of this money goes back to who paid it. Access is not touched: none was given for it."),
        permission="billing.add_refund",
        run=_refund,
        form=ReasonForm,
        changes=refund_changes,
        is_possible=is_proposed(decisions.REFUND),
        icon="undo",
    ),
    Act(
        name="dismiss",
        title=_("Leave it as it is"),
        about=_("The question is closed, and money that waits goes on waiting."),
        permission=PERMISSION,
        run=_dismiss,
        form=ReasonForm,
        is_possible=is_proposed(decisions.DISMISS),
        icon="done",
    ),
)


def decision_parts(decision: Decision) -> dict[str, Any]:
    """Return the question in words with its facts. No query beyond the rows it is about."""
    facts = [(FACTS.get(name, name), str(value)) for name, value in decision.details.items() if value]
    is_open = decision.state == Decision.State.OPEN
    return {
        "words": WORDS.get(decision.kind, ""),
        "facts": facts,
        "tone": "warning" if is_open else "success",
    }


@admin.register(Decision)
class DecisionAdmin(MoneyAdmin):
    secrets = ("payment__request", "payment__confirmation_url")
    list_display = (
        "id",
        "kind",
        "shown_state",
        "age",
        "customer_link",
        "order_link",
        "payment_link",
        "decided",
        "by",
    )
    list_display_links = ("id", "kind")
    list_filter = ("state", "kind", "created_at")
    list_select_related = ("customer", "order", "payment")
    ordering = ("-state", "-id")  # open ones first
    customer_columns = ("customer",)
    search_help_text = _("Number, a fact, or Telegram id")
    fieldsets = (
        (
            _("What it is about"),
            {
                "fields": (
                    ("shown_state", "created_at"),
                    ("customer_link", "order_link"),
                    ("payment_link", "refund_link"),
                    "fact",
                )
            },
        ),
        (_("Decided"), {"fields": (("decided", "by"), "reason", "decided_at")}),
    )
    readonly_fields = (
        "shown_state",
        "created_at",
        "customer_link",
        "order_link",
        "payment_link",
        "refund_link",
        "fact",
        "decided",
        "by",
        "reason",
        "decided_at",
    )
    acts = ACTS
    change_form_outer_before_template = "admin/money/decision.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj is None or obj.state == Decision.State.DECIDED else self.fieldsets[:1]

    def found_by(self, text: str, number: int | None) -> Q:
        return Q(pk=number) if number is not None else Q(fact__startswith=text[:150])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("order__payer", "payment", "customer")

    def beside(self, decision: Decision) -> dict[str, Any]:
        return {"parts": decision_parts(decision)}

    @column(_("state"), tones={"open": "warning", "decided": "success"}, ordering="state")
    def shown_state(self, decision: Decision) -> tuple[str, str]:
        return decision.state, decision.get_state_display()

    @column(_("age"), ordering="created_at")
    def age(self, decision: Decision) -> str:
        end = decision.decided_at or timezone.now()
        return timesince(decision.created_at, end, depth=1)

    @column(_("customer"))
    def customer_link(self, decision: Decision) -> str:
        return link_to(decision.customer)

    @column(_("order"))
    def order_link(self, decision: Decision) -> str:
        return link_to(decision.order)

    @column(_("payment"))
    def payment_link(self, decision: Decision) -> str:
        return link_to(decision.payment)

    @column(_("refund"))
    def refund_link(self, decision: Decision) -> str:
        return link_to(decision.refund)

    @column(_("by"))
    def by(self, decision: Decision) -> str:
        return who(decision.decided_by) if decision.decided_by else "–"

    @column(_("decided"))
    def decided(self, decision: Decision) -> Any:
        return RESOLUTIONS.get(decision.resolution, decision.resolution) or "–"
