"""An order and what became of its payment: the link to pay, what was given, or why not and what to do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from billing import services as billing
from billing.errors import NoSuchOrder
from billing.models import Order, Payment
from core import clock
from notifications.kinds import Button, Rendered
from subscriptions import messages, status
from subscriptions.status import CustomerStatus, State
from telegram_bot.numbers import number_in
from telegram_bot.screens import parts


class Stage(StrEnum):
    """How far an order has come, as its payer sees it."""

    PREPARING = "preparing"  # the provider has not given us a link yet
    STALLED = "stalled"  # and it takes no payments at the moment
    WAITING = "waiting"
    SPENT = "spent"  # the link has run out
    FAILED = "failed"
    CONFIRMING = "confirming"  # money was held, or another sum came
    PAID = "paid"  # not given yet
    GIVEN = "given"
    REFUSED = "refused"
    REFUNDED = "refunded"
    CLOSED = "closed"


SETTLED = {
    Order.State.PAID: Stage.PAID,
    Order.State.FULFILLED: Stage.GIVEN,
    Order.State.REFUSED: Stage.REFUSED,
    Order.State.REFUNDED: Stage.REFUNDED,
    Order.State.CLOSED: Stage.CLOSED,
}


CLOSABLE = (Stage.PREPARING, Stage.STALLED, Stage.WAITING, Stage.SPENT, Stage.FAILED)


@dataclass(frozen=True)
class Values:
    """`status` is read only for what was given; `reason` only where the payment failed."""

    order_id: int
    plan_id: int
    stage: Stage
    plan_name: str
    price: str
    payment_id: int = 0
    link: str = ""
    link_until: datetime | None = None
    reason: str = ""
    status: CustomerStatus | None = None


def load(customer: User, argument: str) -> Values:
    """`argument` is the order's number. Raises NoSuchOrder, also for somebody else's."""
    return _values(customer, Order.objects.filter(payer=customer, pk=number_in(argument) or 0).first())


def load_of_payment(customer: User, argument: str) -> Values:
    """`argument` is a payment's number; an old one shows how its order stands now. Raises NoSuchOrder."""
    mine = Order.objects.filter(payer=customer, payments__pk=number_in(argument) or 0)
    return _values(customer, mine.first())


def _values(customer: User, order: Order | None) -> Values:
    if order is None:
        raise NoSuchOrder(f"customer {customer.pk} has no such order")
    stage, payment = SETTLED.get(Order.State(order.state)), None
    if stage is None:
        payment = order.payments.select_related("account").order_by("-id").first()
        stage = _stage_of(payment, clock.now())
    return Values(
        order_id=order.pk,
        plan_id=order.plan_id,
        stage=stage,
        plan_name=order.plan_name_in(customer.language),
        price=order.price_shown,
        payment_id=payment.pk if payment else 0,
        link=payment.confirmation_url if payment else "",
        link_until=payment.expires_at if payment else None,
        reason=_why_failed(payment) if payment and stage is Stage.FAILED else "",
        status=status.of(customer) if stage is Stage.GIVEN else None,
    )


def _why_failed(payment: Payment) -> str:
    return billing.explain(payment.provider, payment.reason).text


def _stage_of(payment: Payment | None, now: datetime) -> Stage:
    """Tell how far an unpaid order has come, by its newest payment."""
    if payment is None:
        return Stage.CLOSED
    match payment.state:
        case Payment.State.HELD | Payment.State.SUCCEEDED:
            return Stage.CONFIRMING
        case Payment.State.CANCELED | Payment.State.REJECTED:
            return Stage.FAILED
        case Payment.State.PENDING if payment.expires_at and payment.expires_at <= now:
            return Stage.SPENT
        case Payment.State.PENDING if payment.confirmation_url:
            return Stage.WAITING
        case _:
            is_taken = payment.account is None or payment.account.is_offered(now)
            return Stage.PREPARING if is_taken else Stage.STALLED


def render(values: Values) -> Rendered:
    heading, lines = _words(values)
    number = _("Order %(number)d") % {"number": values.order_id}
    goods = f"{number}: {escape(values.plan_name)} · {values.price}"
    return Rendered("\n".join([heading, goods, "", *lines]), buttons=_buttons(values))


def _words(values: Values) -> tuple[str, list[str]]:
    """Return the heading and what it means, by stage."""
    match values.stage:
        case Stage.PREPARING:
            return "⏳ <b>" + _("Your link is being prepared") + "</b>", [
                _("The payment service takes its time. A message with the link follows by itself.")
            ]
        case Stage.STALLED:
            return "⚠️ <b>" + _("This way to pay does not work right now") + "</b>", [
                _("Nothing was taken from you. Choose another way, or wait for our message with the link."),
                parts.ask_support(),
            ]
        case Stage.WAITING:
            return "💳 <b>" + _("Waiting for your payment") + "</b>", _how_to_pay(values)
        case Stage.SPENT:
            return "⌛ <b>" + _("The link has run out") + "</b>", [
                _("If you have paid already, press “Check payment”. Otherwise get a new link.")
            ]
        case Stage.FAILED:
            return "❌ <b>" + _("The payment did not go through") + "</b>", [escape(values.reason)]
        case Stage.CONFIRMING:
            return "🔎 <b>" + _("Your payment is being confirmed") + "</b>", [
                _("We see your money and look at it. You will get a message; nothing is lost.")
            ]
        case Stage.PAID:
            return "✅ <b>" + _("Paid") + "</b>", [
                _("Your payment has arrived. Your access is being made, a message follows when it works.")
            ]
        case Stage.GIVEN:
            return "✅ <b>" + _("Paid") + "</b>", _what_it_gave(values.status)
        case Stage.REFUSED:
            return "⚠️ <b>" + _("Paid, but we could not give it") + "</b>", [
                _("Your money is safe: it is kept as your credit, or goes back to you."),
                parts.ask_support(),
            ]
        case Stage.REFUNDED:
            return "↩️ <b>" + _("Your money went back") + "</b>", []
        case Stage.CLOSED:
            return "✖ <b>" + _("The order is closed") + "</b>", [
                _("If you have paid it nevertheless, press “Check payment”: the money counts.")
            ]


def _how_to_pay(values: Values) -> list[str]:
    lines = [_("Press the button, pay on the page that opens, and come back here.")]
    if values.link_until:
        until = messages.shown_time(values.link_until)
        lines.append(_("The link works until %(time)s.") % {"time": until})
    return lines


def _what_it_gave(found: CustomerStatus | None) -> list[str]:
    if found is None or found.expires_at is None:
        return []
    until = _("Ended: %(time)s") if found.state is State.EXPIRED else _("Works until: %(time)s")
    lines = [until % {"time": f"<b>{messages.shown_time(found.expires_at)}</b>"}]
    if found.state is State.PENDING:
        lines.append(_("Your key is being made. A message follows the moment it works."))
    return lines


def _buttons(values: Values) -> tuple[tuple[Button, ...], ...]:
    check = Button(_("🔄 Check payment"), action=f"check:{values.payment_id}")
    cancel = Button(_("✖ Cancel the order"), action=f"close:{values.order_id}")
    again = _again_button(values)
    other = Button(_("‹ Other plan"), action="plans")
    match values.stage:
        case Stage.PREPARING | Stage.STALLED:
            way = Button(_("‹ Other way to pay"), action=f"buy:{values.plan_id}")
            return ((check,), (way, cancel), (parts.menu_button(),))
        case Stage.WAITING:
            pay = Button(_("💳 Pay %(price)s") % {"price": values.price}, url=values.link)
            return ((pay,), (check,), (cancel,), (parts.menu_button(),))
        case Stage.SPENT:
            return ((again,), (check,), (other, parts.menu_button()))
        case Stage.FAILED:
            return ((again,), (other, parts.help_button()), (parts.menu_button(),))
        case Stage.CLOSED:
            look = Button(_("🔄 Check payment"), action=f"order:{values.order_id}")
            return ((again,), (look,), (other, parts.menu_button()))
        case Stage.CONFIRMING:
            return ((check,), (parts.help_button(), parts.menu_button()))
        case Stage.GIVEN:
            return ((parts.key_button(), parts.connect_button()), (parts.menu_button(),))
        case Stage.PAID:
            look = Button(_("🔄 Look again"), action=f"order:{values.order_id}")
            return ((look,), (parts.help_button(), parts.menu_button()))
        case _:
            return ((parts.plans_button(),), (parts.help_button(), parts.menu_button()))


def _again_button(values: Values) -> Button:
    label = _("🔁 Get a new link") if values.stage is Stage.SPENT else _("💳 Pay anew")
    return Button(label, action=f"again:{values.order_id}")


def render_closing(values: Values) -> Rendered:
    """Ask whether an unpaid order shall be closed; one that is settled meanwhile shows how it stands."""
    if values.stage not in CLOSABLE:
        return render(values)
    heading = _("Cancel order %(number)d?") % {"number": values.order_id}
    keep = f"check:{values.payment_id}" if values.payment_id else f"order:{values.order_id}"
    return Rendered(
        f"✖ <b>{heading}</b>\n{escape(values.plan_name)} · {values.price}\n\n"
        + _("Do not pay by the old link after that."),
        buttons=(
            (Button(_("✖ Yes, cancel it"), action=f"drop:{values.order_id}"),),
            (Button(_("‹ No, keep it"), action=keep),),
        ),
    )
