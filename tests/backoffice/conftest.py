"""A shop with a row of every kind, and people who sign in to its admin."""

import itertools
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from accounts.models import Document, User
from accounts.services import give_consent, note
from billing.models import (
    BillingRules,
    Decision,
    JournalEntry,
    Notice,
    Order,
    Payment,
    PaymentEvent,
    Provider,
    ProviderAccount,
    Refund,
)
from core import clock
from core.models import Job, ServiceHealth
from notifications.models import OutboxMessage
from referrals.models import Referral
from referrals.services import code_of
from subscriptions.models import Device, Plan, Subscription, SubscriptionRules, TakeBack
from telegram_bot.models import Update
from tests.factories import make_customer, make_staff, make_subscription, serve
from vpnpanel.models import Move, MoveItem, Outage, PanelRules, StrayAccount, SyncFinding, SyncRun

numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def no_remembered_badges():
    cache.clear()


@pytest.fixture(autouse=True)
def schedules_that_ran(db):
    """Else a long test run looks like a worker that stands still."""
    PeriodicTask.objects.update(last_run_at=clock.now())


@pytest.fixture
def staff(client, db) -> User:
    """A superuser, signed in."""
    user = make_staff("olga")
    client.force_login(user)
    return user


@pytest.fixture
def helper(client, db) -> User:
    """A member of staff without any power, signed in."""
    user = User.objects.create_user("ivan", "a long password", is_staff=True)
    client.force_login(user)
    return user


def allow(user: User, *names: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))


PRICE = Decimal("299.00")


def shop_account(**fields: object) -> ProviderAccount:
    """An open account whose keys work, as far as we know."""
    number = next(numbers)
    given = {"remote_account": f"shop-{number}", "secret": "a secret of the provider", "is_open": True}
    return ProviderAccount.objects.create(**{**given, **fields})


def order_of(customer: User, subscription: Subscription | None = None, **fields: object) -> Order:
    """An order that went well, or whatever `fields` make of it."""
    plan = Plan.objects.get(code="month")
    now = clock.now()
    given = {
        "kind": Order.Kind.RENEWAL,
        "state": Order.State.FULFILLED,
        "payer": customer,
        "receiver": customer,
        "plan": plan,
        "subscription": subscription,
        "plan_name_en": plan.name_en,
        "plan_name_ru": plan.name_ru,
        "days": plan.days,
        "traffic_limit": plan.traffic_limit,
        "devices": plan.devices,
        "amount": PRICE,
        "currency": "RUB",
        "paid_at": now,
        "fulfilled_at": now,
    }
    return Order.objects.create(**{**given, **fields})


def payment_of(order: Order | None, account: ProviderAccount, **fields: object) -> Payment:
    given = {
        "order": order,
        "provider": Provider.YOOKASSA,
        "account": account,
        "state": Payment.State.SUCCEEDED,
        "amount": PRICE,
        "currency": "RUB",
        "received_amount": PRICE,
        "received_currency": "RUB",
        "booked_as": Payment.Booked.ORDER,
        "remote_id": f"2f7a1c9e-000f-5001-9000-{next(numbers):012}",
        "succeeded_at": clock.now(),
    }
    return Payment.objects.create(**{**given, **fields})


@dataclass
class Sale:
    """A paid order with a row of everything that money can leave behind."""

    account: ProviderAccount
    order: Order
    payment: Payment
    refund: Refund
    notice: Notice
    decision: Decision


def sell(customer: User, subscription: Subscription) -> Sale:
    account = shop_account()
    order = order_of(customer, subscription)
    payment = payment_of(order, account)
    PaymentEvent.objects.create(
        payment=payment, kind="answer", text="pending", actor="schedule", data={"status": "pending"}
    )
    refund = Refund.objects.create(
        payment=payment,
        state=Refund.State.SUCCEEDED,
        amount=Decimal("100.00"),
        currency="RUB",
        taken_from=JournalEntry.Account.SALES,
        reason="did not like it",
        actor="olga",
    )
    notice = Notice.objects.create(
        provider="yookassa",
        dedupe_key=payment.remote_id,
        event="payment.succeeded",
        object_id=payment.remote_id,
        body='{"event": "payment.succeeded", "object": {"email": "a@example.com"}}',
        payment=payment,
        state=Notice.State.DONE,
    )
    about = {"customer": customer, "order": order, "payment": payment}
    decision = Decision.objects.create(
        fact=payment.remote_id, kind="second", state="decided", decided_at=clock.now(), **about
    )
    for fact, debit, credit in (
        (f"charge:{payment.pk}", "provider", "prepaid"),
        (f"sale:order:{order.pk}", "prepaid", "sales"),
    ):
        JournalEntry.objects.create(
            fact=fact, debit=debit, credit=credit, amount=PRICE, currency="RUB", actor="schedule", **about
        )
    return Sale(account, order, payment, refund, notice, decision)


@dataclass
class Life:
    """A customer with a served subscription and one row of everything else."""

    customer: User
    subscription: Subscription
    message: OutboxMessage
    update: Update
    sale: Sale


def live(*, inviter: User | None = None, **message: object) -> Life:
    number = next(numbers)
    customer = make_customer()
    subscription = make_subscription(customer)
    taken = {"seconds": 86_400, "actor": "olga", "taken_at": clock.now()}
    TakeBack.objects.create(grant=subscription.grants.get(), by=f"refund:{number}", **taken)
    account = serve(subscription)
    seen = {"first_seen_at": clock.now(), "last_seen_at": clock.now()}
    Device.objects.create(subscription=subscription, hwid_hash="0" * 64, model="iPhone 14", **seen)
    run = SyncRun.objects.create(panel=account.panel)
    SyncFinding.objects.create(
        run=run, panel=account.panel, access=account.access, account=account, name=account.name,
        kind="drift", state="applied", details={"limit": [5, 0], "end": [None, 1_900_000_000]},
    )  # fmt: skip
    StrayAccount.objects.create(
        panel=account.panel, name=f"stray_{number}", why="name", state="ignored", seen_at=clock.now()
    )
    now = clock.now()
    move = Move.objects.create(source=account.panel, asked_by="olga", total=1, state=Move.State.DONE)
    MoveItem.objects.create(
        move=move, access=account.access, from_account=account, state="failed", error="full", started_at=now
    )
    Outage.objects.create(panel=account.panel, began_at=now, alerted_at=now, settled_at=now)
    Referral.objects.create(invited=customer, inviter=inviter or make_customer(first_name="Boris"))
    update = Update.objects.create(
        bot_id=1,
        update_id=number,
        chat_id=customer.telegram_id,
        kind="message",
        payload={"update_id": number, "message": {"text": "/start"}},
        state=Update.State.ANSWERED,
    )
    fields = {"state": OutboxMessage.State.SENT, **message}
    told = OutboxMessage.objects.create(
        address=str(customer.telegram_id),
        user=customer,
        kind="access_ready",
        dedupe_key=f"told:{number}",
        **fields,
    )
    Job.objects.create(kind="panel_sync", subject=str(number), asked_by="olga", state=Job.State.DONE)
    ServiceHealth.objects.create(name=f"service-{number}", changed_at=customer.joined_at)
    Group.objects.create(name=f"role-{number}")
    code_of(customer)
    note(customer, "customer.wrote", actor="customer", data={"text": "hello"})
    BillingRules.objects.get_or_create()
    SubscriptionRules.objects.get_or_create()
    PanelRules.objects.get_or_create()
    for document in Document.objects.all():
        give_consent(customer.pk, document.pk, actor="customer")
    return Life(customer, subscription, told, update, sell(customer, subscription))


@pytest.fixture
def sale(life) -> Sale:
    """The sale in the life of the customer."""
    return life.sale


@pytest.fixture
def queries():
    """Collect the queries of a block: `with queries() as seen`."""
    return lambda: CaptureQueriesContext(connection)


@pytest.fixture
def life(db) -> Life:
    return live()
