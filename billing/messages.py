"""What customers and staff are told about money. Rendered when it is sent, in the reader's language."""

from html import escape
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User
from billing.models import Decision, Order, Payment
from billing.services.accounts import explain
from core import clock, money
from notifications import kinds
from notifications.kinds import Button, Rendered
from subscriptions.messages import shown_time

Context = dict[str, Any]

FAILED = (Payment.State.CANCELED, Payment.State.REJECTED)


def register_kinds() -> None:
    """Make every message of this room known to the outbox."""
    kinds.register("payment_link", _payment_link, _is_link_alive)
    kinds.register("payment_failed", _payment_failed, _is_worth_another_try)
    kinds.register("order_fulfilled", _order_fulfilled, _is_fulfilled)
    kinds.register("order_refused", _order_refused, _is_refused)
    kinds.register("paid_twice", _paid_twice, _is_booked_as_credit)
    kinds.register("money_credited", _money_credited, _is_booked_as_credit)
    kinds.register("order_stuck", _order_stuck, _is_stuck)
    kinds.register("decision_waiting", _decision_waiting, _is_waiting)
    kinds.register("provider_refused", _provider_refused, lambda user, context: user.is_staff)


def _order(context: Context) -> Order:
    return Order.objects.select_related("subscription").get(pk=context["order_id"])


def _payment(context: Context) -> Payment:
    return Payment.objects.select_related("order").get(pk=context["payment_id"])


def _is_link_alive(user: User, context: Context) -> bool:
    payment = _payment(context)
    in_time = payment.expires_at is None or payment.expires_at > clock.now()
    is_open = payment.order is not None and payment.order.state == Order.State.OPEN
    return is_open and payment.state == Payment.State.PENDING and in_time


def _payment_link(user: User, context: Context) -> Rendered:
    payment = _payment(context)
    price = money.shown(payment.amount, payment.currency)
    text = _("Press the button to pay %(price)s. Your access starts seconds after.") % {"price": price}
    pay = Button(_("💳 Pay %(price)s") % {"price": price}, url=payment.confirmation_url)
    check = Button(_("🔄 Check payment"), action=f"check:{payment.pk}")
    return Rendered(
        f"🔗 <b>{_('Your payment link is ready')}</b>\n{text}", buttons=((pay,), (check, _menu()))
    )


def _is_worth_another_try(user: User, context: Context) -> bool:
    """Not once the order is settled or closed, nor when another try is under way."""
    payment = _payment(context)
    order = payment.order
    if order is None or order.state != Order.State.OPEN or payment.state not in FAILED:
        return False
    return not order.payments.filter(pk__gt=payment.pk).exists()


def _payment_failed(user: User, context: Context) -> Rendered:
    payment = _payment(context)
    anew = Button(_("💳 Pay anew"), action=f"again:{payment.order_id}")
    text = escape(explain(payment.provider, payment.reason)[0])
    return Rendered(
        f"⚠️ <b>{_('The payment did not go through')}</b>\n{text}",
        buttons=((anew,), (Button(_("💬 Help"), action="help"), _menu())),
    )


def _is_fulfilled(user: User, context: Context) -> bool:
    return _order(context).state == Order.State.FULFILLED


def _order_fulfilled(user: User, context: Context) -> Rendered:
    order = _order(context)
    assert order.subscription is not None
    heading = _("Payment received, thank you!")
    lines = [
        _("%(plan)s · %(price)s · order %(number)d")
        % {
            "plan": escape(order.plan_name_in(user.language)),
            "price": order.price_shown,
            "number": order.pk,
        },
        _("Your subscription now works until %(time)s.")
        % {"time": shown_time(order.subscription.expires_at)},
    ]
    key = Button(_("🔑 My key"), action="key")
    return Rendered("\n".join([f"✅ <b>{heading}</b>", *lines]), buttons=((key, _menu()),))


def _is_refused(user: User, context: Context) -> bool:
    return _order(context).state == Order.State.REFUSED


def _order_refused(user: User, context: Context) -> Rendered:
    order = _order(context)
    text = _(
        "We received %(price)s for order %(number)d but cannot give what it was for. The money is kept "
        "as your credit; we look into it and tell you."
    )
    return _note("⚠️", _("Your order needs our attention"), text, price=order.price_shown, number=order.pk)


def _is_booked_as_credit(user: User, context: Context) -> bool:
    return _payment(context).booked_as == Payment.Booked.CREDIT


def _paid_twice(user: User, context: Context) -> Rendered:
    payment = _payment(context)
    text = _(
        "Order %(number)d was paid already, so %(price)s is kept as your credit. You can pay for the "
        "next plan with it, or write to us to have it back."
    )
    return _note("💰", _("You paid twice"), text, price=_received(payment), number=payment.order_id)


def _money_credited(user: User, context: Context) -> Rendered:
    text = _("%(price)s is now your credit. You can pay for a plan with it.")
    return _note("💰", _("Your payment was found"), text, price=_received(_payment(context)))


def _is_stuck(user: User, context: Context) -> bool:
    return user.is_staff and _order(context).state in (Order.State.PAID, Order.State.FULFILLED)


def _order_stuck(user: User, context: Context) -> Rendered:
    order = _order(context)
    heading = _("Paid, but not active for over five minutes")
    why = order.fulfilment_error or _("Given, but no panel serves it yet.")
    text = f"{_('Order')} {order.pk}: {escape(why[:300])}"
    return Rendered(f"🚨 <b>{heading}</b>\n{text}\n{_admin('billing/order', order.pk)}")


def _is_waiting(user: User, context: Context) -> bool:
    waiting = Decision.objects.filter(pk=context["decision_id"], state=Decision.State.OPEN)
    return user.is_staff and waiting.exists()


def _decision_waiting(user: User, context: Context) -> Rendered:
    decision = Decision.objects.get(pk=context["decision_id"])
    heading = escape(decision.get_kind_display())
    return Rendered(
        f"❓ <b>{_('Needs your decision')}</b>\n{heading}\n{_admin('billing/decision', decision.pk)}"
    )


def _provider_refused(user: User, context: Context) -> Rendered:
    text = _("Customers cannot pay with it until a check succeeds.")
    name = escape(str(context.get("account", "")))
    return Rendered(f"🚨 <b>{_('A payment provider refuses our keys')}</b>\n{name}\n{text}")


def _received(payment: Payment) -> str:
    assert payment.received_amount is not None
    return money.shown(payment.received_amount, payment.received_currency)


def _admin(page: str, pk: int) -> str:
    return escape(f"{settings.PUBLIC_BASE_URL}/admin/{page}/{pk}/change/")


def _note(sign: str, heading: str, text: str, **values: Any) -> Rendered:
    filled = text % {name: escape(str(value)) if name == "price" else value for name, value in values.items()}
    payments = Button(_("🧾 My payments"), action="orders")
    return Rendered(f"{sign} <b>{heading}</b>\n{filled}", buttons=((payments, _menu()),))


def _menu() -> Button:
    return Button(_("☰ Menu"), action="menu")
