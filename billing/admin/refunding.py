"""The refund dialog: how much goes back, and what happens to the access, shown before it is confirmed."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.errors import NothingToRefund
from billing.models import Order, Payment, Refund
from billing.services.refunds import RefundPreview
from billing.services.rules import rules
from billing.shown import amount_of
from core.acts import Act, Change, OnceForm

UNUSED, ALL, OTHER = "unused", "all", "other"


def money_of(subject: Order | Payment) -> Payment:
    """Return the payment that a refund of this row is about. Raises NothingToRefund."""
    if isinstance(subject, Payment):
        return subject
    paid = subject.payments.filter(state=Payment.State.SUCCEEDED).exclude(booked_as=Payment.Booked.NOWHERE)
    # The one that paid the order, else what was kept when the order was refused.
    found = paid.filter(booked_as=Payment.Booked.ORDER).first() or paid.first()
    if found is None:
        raise NothingToRefund(gettext("This order was not paid."))
    return found


class RefundForm(OnceForm):
    """All that is left, the part that was not used, or a sum of staff's own."""

    how = forms.ChoiceField(label=_("How much"), widget=forms.RadioSelect)
    amount = forms.DecimalField(
        label=_("Another sum"), required=False, min_value=Decimal("0.01"), max_digits=12, decimal_places=2
    )
    takes_access = forms.BooleanField(label=_("Shorten the access"), required=False, initial=True)
    # What was shown is what is sent back, though the unused part shrinks with every minute.
    settled = forms.DecimalField(widget=forms.HiddenInput, required=False)
    field_order = ("how", "amount", "takes_access", "reason", "settled", "form_uuid")

    def fit(self) -> None:
        self.preview = services.preview_refund(money_of(self.subject).pk)
        preview, currency = self.preview, self.preview.currency
        was_sent = self._was_sent()
        if preview.amount_left <= 0 and not was_sent:
            raise NothingToRefund(gettext("All of this money went back, or is on its way."))
        choices = [(ALL, _("All that is left: %(sum)s") % {"sum": amount_of(preview.amount_left, currency)})]
        if was_sent or 0 < preview.unused_amount < preview.amount_left:
            unused = {"sum": amount_of(preview.unused_amount, currency)}
            choices.insert(0, (UNUSED, _("What was not used yet: %(sum)s") % unused))
        how = self.fields["how"]
        assert isinstance(how, forms.ChoiceField)
        how.choices = [*choices, (OTHER, _("Another sum"))]
        how.initial = choices[0][0]
        if preview.ends_before is None:
            del self.fields["takes_access"]
        if not preview.is_within_window:
            said = _("The time for refunds (%(days)d days) is over: say why it is done all the same.")
            self.fields["reason"].help_text = said % {"days": rules().refund_days}

    def _was_sent(self) -> bool:
        """Tell whether this form refunded already: a second press is answered like the first."""
        try:
            asked = uuid.UUID(str(self.data.get("form_uuid")))
        except ValueError:
            return False
        return Refund.objects.filter(form_uuid=asked).exists()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        how, amount = str(values.get("how")), values.get("amount")
        if how == OTHER and amount is None and "amount" not in self.errors:
            self.add_error("amount", _("Say how much."))
        elif how != OTHER and amount is not None:
            self.add_error("amount", _("This is for “Another sum” only."))
        computed = {UNUSED: self.preview.unused_amount, ALL: self.preview.amount_left, OTHER: amount}
        values["amount"] = values.get("settled") if how != OTHER else amount
        values["amount"] = values["amount"] or computed.get(how)
        values["takes_access"] = bool(values.get("takes_access"))
        data: Any = self.data.copy()  # type: ignore[attr-defined] # a QueryDict, once there was a POST
        data["settled"] = "" if how == OTHER else str(values["amount"] or "")
        self.data = data
        return values


def moment(at: Any) -> str:
    return date(timezone.localtime(at), "DATETIME_FORMAT") if at else "–"


def changes(subject: Order | Payment, values: dict[str, Any]) -> list[Change]:
    if "amount" not in values:
        return []
    payment = money_of(subject)
    preview = services.preview_refund(payment.pk, amount=values["amount"])
    found = [
        Change(
            _("Goes back"),
            amount_of(Decimal(0), preview.currency),
            amount_of(preview.amount, preview.currency),
        ),
        Change(
            _("Can still be refunded"),
            amount_of(preview.amount_left, preview.currency),
            amount_of(preview.amount_left - preview.amount, preview.currency),
        ),
    ]
    return [*found, *_access_change(preview, takes_access=values["takes_access"])]


def _access_change(preview: RefundPreview, *, takes_access: bool) -> list[Change]:
    if preview.ends_before is None:
        return []
    after = preview.ends_after if takes_access else preview.ends_before
    return [Change(_("Access ends"), moment(preview.ends_before), moment(after))]


def refund(subject: Order | Payment, values: dict[str, Any], actor: str) -> str:
    asked = services.request_refund(
        money_of(subject).pk,
        amount=values["amount"],
        reason=values["reason"],
        form_uuid=values["form_uuid"],
        takes_access=values["takes_access"],
        actor=actor,
    )
    said = gettext("Refund %(number)d of %(sum)s: %(state)s.")
    return said % {
        "number": asked.pk,
        "sum": amount_of(asked.amount, asked.currency),
        "state": asked.get_state_display(),
    }


def has_money(subject: Order | Payment) -> bool:
    if isinstance(subject, Order):
        return subject.state in (Order.State.PAID, Order.State.FULFILLED, Order.State.REFUSED)
    received = subject.received_amount
    return bool(subject.booked_as) and received is not None and subject.refunded_amount < received


REFUND = Act(
    name="refund",
    title=_("Refund"),
    about=_("Access is shortened first; if the refund finally fails, it comes back."),
    permission="billing.add_refund",
    run=refund,
    form=RefundForm,
    changes=changes,
    is_possible=has_money,
    icon="undo",
    tone="danger",
)
