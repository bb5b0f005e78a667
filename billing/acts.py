"""Acts about money that pages of other rooms offer too: booking what staff were paid by hand."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import NoSuchCustomer
from accounts.models import User
from billing import services
from billing.models import Order, Price
from billing.shown import amount_of
from core.acts import Act, Change, OnceForm
from subscriptions.models import Plan

PERMISSION = "billing.add_payment"


class BookingForm(OnceForm):
    plan = forms.TypedChoiceField(label=_("Plan"), coerce=int)
    amount = forms.DecimalField(
        label=_("Amount received"), min_value=Decimal("0.01"), max_digits=12, decimal_places=2
    )
    currency = forms.ChoiceField(label=_("Currency"), choices=Price.Currency.choices)
    method = forms.ChoiceField(label=_("How it was paid"), choices=services.Method.choices)
    field_order = ("telegram_id", "plan", "amount", "currency", "method", "reason", "form_uuid")

    def fit(self) -> None:
        plan = self.fields["plan"]
        assert isinstance(plan, forms.ChoiceField)
        on_sale = (
            Plan.objects.filter(is_trial=False).prefetch_related("prices").order_by("-is_open", "position")
        )
        plan.choices = [(row.pk, _named(row)) for row in on_sale]


class AnybodysBookingForm(BookingForm):
    """The same from the list, where it must be said whose payment it is."""

    telegram_id = forms.IntegerField(label=_("Customer's Telegram id"), min_value=1, max_value=2**52)

    def clean_telegram_id(self) -> int:
        telegram_id: int = self.cleaned_data["telegram_id"]
        if not User.objects.filter(telegram_id=telegram_id).exists():
            raise forms.ValidationError(_("No customer has this Telegram id."))
        return telegram_id


def _named(plan: Plan) -> str | Promise:
    prices = ", ".join(str(price) for price in plan.prices.all())
    return f"{plan.name} · {prices}" if prices else plan.name


def _customer(subject: Any, values: dict[str, Any]) -> User:
    if isinstance(subject, User):
        return subject
    found = User.objects.filter(telegram_id=values["telegram_id"]).first()
    if found is None:
        raise NoSuchCustomer(f"nobody has the Telegram id {values['telegram_id']}")
    return found


def changes(subject: Any, values: dict[str, Any]) -> list[Change]:
    if "plan" not in values:
        return []
    customer, plan = _customer(subject, values), Plan.objects.get(pk=values["plan"])
    held = customer.subscriptions.order_by("-expires_at", "-id").first()
    shown = amount_of(values["amount"], values["currency"])
    what = gettext("renewed with %(plan)s") if held else gettext("new: %(plan)s")
    return [
        Change(_("Customer"), customer, customer),
        Change(_("Received by hand"), "–", shown),
        Change(_("Subscription"), held or "–", what % {"plan": plan.name}),
    ]


def book(subject: Any, values: dict[str, Any], actor: str) -> str:
    order = services.book_by_hand(
        _customer(subject, values).pk,
        plan_id=values["plan"],
        amount=values["amount"],
        currency=values["currency"],
        method=services.Method(values["method"]),
        reason=values["reason"],
        form_uuid=values["form_uuid"],
        actor=actor,
    )
    said = gettext("Booked. Order %(order)s: %(state)s.")
    return said % {"order": order, "state": Order.State(order.state).label}


def _act(form: type[BookingForm]) -> Act:
    return Act(
        name="book-by-hand",
        title=_("Book a payment by hand"),
        about=_("Money you received yourself. The plan is given at once, at the price you agreed on."),
        permission=PERMISSION,
        run=book,
        form=form,
        changes=changes,
        icon="payments",
    )


BOOK_FOR_CUSTOMER = _act(BookingForm)
BOOK_FOR_ANYBODY = _act(AnybodysBookingForm)
