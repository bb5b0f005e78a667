"""Orders: placed, paid from credit, closed. Committed before any provider hears of them."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import services as accounts
from accounts.errors import CustomerBanned
from accounts.models import Document, User
from billing.errors import ConsentMissing, NoProvider, NoSuchOrder, NotEnoughCredit, OrderSettled
from billing.models import JournalEntry, Order, Payment, Provider, ProviderAccount
from billing.providers.base import Asked
from billing.services.accounts import provider_of
from billing.services.fulfilling import pay_order
from billing.services.journal import book
from billing.services.quotes import Quote, quote
from core import clock
from subscriptions.models import Plan, Subscription

log = logging.getLogger(__name__)

State = Order.State
Account = JournalEntry.Account

# A customer who comes back within this time finds the order as they left it.
REUSE_FOR = timedelta(hours=24)
# The provider ends an unpaid payment after an hour; its link is not handed out in its last minutes.
LINK_SLACK = timedelta(minutes=3)
CLOSE_AFTER = timedelta(hours=26)
CLOSE_AT_ONCE = 200
BOT_SENDS_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Deal:
    """What an order fixes: the plan's terms as they are now, and the price."""

    kind: Order.Kind
    plan: Plan
    subscription: Subscription | None
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, found: Quote) -> "Deal":
        return cls(found.kind, found.plan, found.subscription, found.amount, found.currency)

    def terms(self) -> dict[str, Any]:
        """Return the values that make two orders the same."""
        return {
            "kind": self.kind,
            "plan": self.plan,
            "subscription": self.subscription,
            "days": self.plan.days,
            "traffic_limit": self.plan.traffic_limit,
            "devices": self.plan.devices,
            "amount": self.amount,
            "currency": self.currency,
        }


@transaction.atomic
def place_order(customer_id: int, plan_id: int, *, account_id: int, actor: str) -> Payment:
    """Order the plan at its present price and return the payment that can pay it at that provider.

    Safe to repeat: an open order on the same terms is used again, and so is its payment while its link
    works. The provider has not heard of a new payment yet: `send_payment` tells it.
    Raises NotForSale, NoProvider, ConsentMissing, CustomerBanned.
    """
    customer = _require_customer(customer_id)
    deal = Deal.of(quote(customer, plan_id))
    account = ProviderAccount.objects.filter(pk=account_id).first()
    if account is None or not account.is_offered(clock.now()):
        raise NoProvider(f"provider account {account_id} is not open to customers")
    offer = _require_consents(customer)
    order = _find_open(customer, deal)
    payment = _open_payment(order, account) if order else None
    if order and payment and _is_link_spent(payment):
        _close(order)
        order = payment = None
    order = order or open_order(customer, deal, offer=offer)
    return payment or _start_payment(order, customer, account)


@transaction.atomic
def pay_from_credit(customer_id: int, plan_id: int, *, seen: str, actor: str) -> Order:
    """Buy the plan with money we hold for the customer.

    `seen` is the `Quote.seen` the customer decided on: a second press finds that it is no longer so.
    Raises OrderSettled then, and NotEnoughCredit, NotForSale, ConsentMissing, CustomerBanned.
    """
    customer = _require_customer(customer_id)
    found = quote(customer, plan_id)
    if found.seen != seen:
        raise OrderSettled(f"customer {customer_id} decided on something that has changed")
    if not found.is_covered:
        raise NotEnoughCredit(f"customer {customer_id} has {found.credit}, the plan costs {found.amount}")
    offer = _require_consents(customer)
    order = _find_open(customer, Deal.of(found)) or open_order(customer, Deal.of(found), offer=offer)
    payment = Payment.objects.create(
        order=order,
        provider=Provider.CREDIT,
        state=Payment.State.SUCCEEDED,
        amount=order.amount,
        currency=order.currency,
        received_amount=order.amount,
        received_currency=order.currency,
        booked_as=Payment.Booked.ORDER,
        succeeded_at=clock.now(),
    )
    book(
        f"spend:order:{order.pk}",
        debit=Account.CREDIT,
        credit=Account.PREPAID,
        amount=order.amount,
        currency=order.currency,
        customer=customer,
        order=order,
        payment=payment,
        actor=actor,
    )
    pay_order(order, payment, customer, actor=actor)
    return order


@transaction.atomic
def close_order(order_id: int, *, customer_id: int, actor: str) -> Order:
    """Close an unpaid order for its payer. Money that comes nevertheless is honoured.

    Safe to repeat. Raises NoSuchOrder (also for somebody else's), OrderSettled if it is paid.
    """
    customer = accounts.lock_customer(customer_id)
    order = Order.objects.filter(pk=order_id, payer=customer).first()
    if order is None:
        raise NoSuchOrder(f"customer {customer_id} has no order {order_id}")
    if order.state == State.CLOSED:
        return order
    if not order.may_become(State.CLOSED):
        raise OrderSettled(f"order {order_id} is {order.state}")
    _close(order)
    accounts.note(customer, "order.closed", actor=actor, subject=order.subject)
    return order


def close_stale() -> int:
    """Close orders that were left unpaid and have no payment under way; returns how many."""
    under_way = Payment.objects.filter(order=OuterRef("pk"), state__in=Payment.OPEN)
    stale = Order.objects.filter(state=State.OPEN, created_at__lt=clock.now() - CLOSE_AFTER)
    keys = stale.exclude(Exists(under_way)).order_by("created_at").values_list("pk", "payer_id")
    closed = 0
    for order_id, payer_id in list(keys[:CLOSE_AT_ONCE]):
        with transaction.atomic():
            accounts.lock_customer(payer_id)
            order = Order.objects.get(pk=order_id)
            if order.state == State.OPEN and not order.payments.filter(state__in=Payment.OPEN).exists():
                _close(order)
                closed += 1
    return closed


def open_order(customer: User, deal: Deal, *, offer: Document | None) -> Order:
    """Write an order on these terms for the customer, who is locked by the caller."""
    return Order.objects.create(
        **deal.terms(),
        payer=customer,
        receiver=customer,
        plan_name_en=deal.plan.name_en,
        plan_name_ru=deal.plan.name_ru,
        group_ids=list(deal.plan.groups.order_by("pk").values_list("pk", flat=True)),
        **deal.plan.conditions,
        offer=offer,
    )


def _require_customer(customer_id: int) -> User:
    customer = accounts.lock_customer(customer_id)
    if customer.is_banned:
        raise CustomerBanned(f"customer {customer_id} is banned")
    return customer


def _require_consents(customer: User) -> Document | None:
    """Return the offer the customer accepted, None where the shop has published none."""
    missing = accounts.missing_documents(customer)
    if missing:
        raise ConsentMissing(f"customer {customer.pk} has not accepted {', '.join(map(str, missing))}")
    return Document.objects.filter(kind=Document.Kind.OFFER).order_by("-version").first()


def _find_open(customer: User, deal: Deal) -> Order | None:
    since = clock.now() - REUSE_FOR
    same = Order.objects.filter(payer=customer, state=State.OPEN, created_at__gt=since, **deal.terms())
    return same.order_by("-id").first()


def _open_payment(order: Order, account: ProviderAccount) -> Payment | None:
    return order.payments.filter(account=account, state__in=Payment.OPEN).first()


def _is_link_spent(payment: Payment) -> bool:
    return payment.expires_at is not None and payment.expires_at < clock.now() + LINK_SLACK


def _close(order: Order) -> None:
    order.state, order.closed_at = State.CLOSED, clock.now()
    order.save(update_fields=["state", "closed_at"])


def _start_payment(order: Order, customer: User, account: ProviderAccount) -> Payment:
    payment = Payment(
        order=order,
        provider=account.kind,
        account=account,
        amount=order.amount,
        currency=order.currency,
        # The bot sends it at once; the sweep finishes what a crash cut off.
        next_try_at=clock.now() + BOT_SENDS_WITHIN,
    )
    try:
        payment.request = provider_of(account).compose(_asked(payment, order, customer, account))
    except ValueError as wrong:  # staff have set it up so that the provider would refuse
        log.error("account %s cannot take payments: %s", account.pk, wrong)
        raise NoProvider(f"provider account {account.pk} cannot take payments: {wrong}") from wrong
    payment.save()
    return payment


def _asked(payment: Payment, order: Order, customer: User, account: ProviderAccount) -> Asked:
    with translation.override(customer.language):
        description = _("%(shop)s: %(plan)s, order %(number)d") % {
            "shop": settings.SHOP_NAME,
            "plan": order.plan_name_in(customer.language),
            "number": order.pk,
        }
    return Asked(
        key=str(payment.key),
        order_id=order.pk,
        amount=order.amount,
        currency=order.currency,
        description=description[:128],
        return_url=_return_url(order),
        language=customer.language,
        receipt_email=account.receipt_email,
    )


def _return_url(order: Order) -> str:
    """Return where the payer goes after paying: back into the chat, to this order."""
    if not settings.TELEGRAM_BOT_USERNAME:
        return str(settings.PUBLIC_BASE_URL)
    return f"https://t.me/{settings.TELEGRAM_BOT_USERNAME}?start=order_{order.pk}"
