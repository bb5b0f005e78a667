"""My payments: the last orders, what each came to, and a way into each."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import formats, timezone
from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from billing import services as billing
from billing.models import Order, Price
from core import money
from notifications.kinds import Button, Rendered
from telegram_bot.screens import parts

SHOWN = 10
CURRENCY = Price.Currency.RUB


@dataclass(frozen=True)
class Line:
    order_id: int
    plan_name: str
    price: str
    state: Order.State
    at: datetime


@dataclass(frozen=True)
class Values:
    """`credit` is what we hold of the customer's money, as it is shown; empty for none."""

    lines: tuple[Line, ...]
    credit: str


def load(customer: User, argument: str) -> Values:
    orders = Order.objects.filter(payer=customer).order_by("-id")[:SHOWN]
    credit = billing.credit_of(customer, CURRENCY)
    return Values(
        lines=tuple(_read(order, customer) for order in orders),
        credit=money.shown(credit, CURRENCY) if credit > 0 else "",
    )


def _read(order: Order, customer: User) -> Line:
    return Line(
        order_id=order.pk,
        plan_name=order.plan_name_in(customer.language),
        price=order.price_shown,
        state=Order.State(order.state),
        at=order.paid_at or order.created_at,
    )


def render(values: Values) -> Rendered:
    heading = "🧾 <b>" + _("My payments") + "</b>"
    if values.credit:
        heading += "\n💰 " + _("Your credit: %(amount)s") % {"amount": values.credit}
    if not values.lines:
        text = _("You have not bought anything yet.")
        return Rendered(f"{heading}\n{text}", buttons=((parts.plans_button(), parts.menu_button()),))
    lines = [_line(line) for line in values.lines]
    rows = tuple((_button(line),) for line in values.lines)
    profile = Button(_("👤 My profile"), action="profile")
    return Rendered("\n\n".join([heading, *lines]), buttons=(*rows, (profile, parts.menu_button())))


def _line(line: Line) -> str:
    number = _("Order %(number)d") % {"number": line.order_id}
    day = formats.date_format(timezone.localtime(line.at), "j E Y")
    return f"{number} · {day}\n{escape(line.plan_name)} · {line.price}: {_state(line.state)}"


def _button(line: Line) -> Button:
    return Button(f"№ {line.order_id} · {line.plan_name} · {line.price}", action=f"order:{line.order_id}")


def _state(state: Order.State) -> str:
    words = {
        Order.State.OPEN: _("🟡 waiting for payment"),
        Order.State.PAID: _("🟡 paid, being activated"),
        Order.State.FULFILLED: _("🟢 paid"),
        Order.State.REFUSED: _("🟠 paid, could not be given"),
        Order.State.CLOSED: _("⚪ not paid"),
        Order.State.REFUNDED: _("↩️ money went back"),
    }
    return words[state]
