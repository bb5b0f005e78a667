"""Presses on the way from a plan to a paid order."""

from contextlib import suppress
from datetime import timedelta

from accounts import services as accounts
from accounts.errors import DocumentOutdated
from accounts.models import User
from billing import services as billing
from billing.errors import ConsentMissing, NoProvider, NoSuchOrder, NotEnoughCredit, NotForSale, OrderSettled
from billing.models import Order, Payment, Provider
from core import clock
from telegram_bot.numbers import number_in
from telegram_bot.screens import Shown

ACTOR = "customer"
JUST_NOW = timedelta(minutes=1)


def show_checkout(customer: User, argument: str) -> Shown:
    return Shown("plans") if number_in(argument) is None else Shown("checkout", argument)


def agree(customer: User, argument: str) -> Shown:
    """Keep the consent; who agreed to an outdated text is asked for the new one."""
    document, _, plan = argument.partition(":")
    with suppress(DocumentOutdated):
        accounts.give_consent(customer.pk, number_in(document) or 0, actor=ACTOR)
    return show_checkout(customer, plan)


def pay(customer: User, argument: str) -> Shown:
    """Order the plan; whatever stands in the way shows on the checkout as it is now."""
    plan, _, account = argument.partition(":")
    return _order(customer, number_in(plan) or 0, number_in(account) or 0)


def pay_from_credit(customer: User, argument: str) -> Shown:
    """Spend credit at once, but only on the deal that the pressed screen showed, and only once for it."""
    plan, _, seen = argument.partition(":")
    try:
        order = billing.pay_from_credit(customer.pk, number_in(plan) or 0, seen=seen, actor=ACTOR)
    except OrderSettled:
        return _bought_just_now(customer, plan) or show_checkout(customer, plan)
    except (NotForSale, NotEnoughCredit, ConsentMissing):
        return show_checkout(customer, plan)
    return Shown("order", str(order.pk))


def pay_again(customer: User, argument: str) -> Shown:
    """Give an unpaid order a fresh payment; where price or terms are others now, show those first."""
    order = Order.objects.filter(pk=number_in(argument) or 0, payer=customer).first()
    if order is None:
        return Shown("menu")
    if order.state not in (Order.State.OPEN, Order.State.CLOSED):
        return Shown("order", argument)
    last = order.payments.order_by("-id").first()
    if last is None or last.account_id is None or not _is_same_deal(customer, order):
        return Shown("checkout", str(order.plan_id))
    return _order(customer, order.plan_id, last.account_id)


def close(customer: User, argument: str) -> Shown:
    """Close an unpaid order; one that is paid meanwhile, or somebody else's, stays as it is."""
    with suppress(NoSuchOrder, OrderSettled):
        billing.close_order(number_in(argument) or 0, customer_id=customer.pk, actor=ACTOR)
    return Shown("order", argument)


def _order(customer: User, plan_id: int, account_id: int) -> Shown:
    try:
        payment = billing.place_order(customer.pk, plan_id, account_id=account_id, actor=ACTOR)
    except (NotForSale, NoProvider, ConsentMissing):
        return Shown("checkout", str(plan_id))
    return Shown("payment", str(payment.pk))


def _bought_just_now(customer: User, plan: str) -> Shown | None:
    """Show what the first of two quick presses bought, instead of an offer to buy more."""
    paid = Payment.objects.filter(provider=Provider.CREDIT, succeeded_at__gt=clock.now() - JUST_NOW)
    mine = paid.filter(order__payer=customer, order__plan=number_in(plan) or 0)
    found = mine.order_by("-id").values_list("order_id", flat=True).first()
    return None if found is None else Shown("order", str(found))


def _is_same_deal(customer: User, order: Order) -> bool:
    try:
        now = billing.quote(customer, order.plan_id, order.currency)
    except NotForSale:
        return False
    shown = (order.amount, order.days, order.traffic_limit, order.devices)
    return shown == (now.amount, now.plan.days, now.plan.traffic_limit, now.plan.devices)
