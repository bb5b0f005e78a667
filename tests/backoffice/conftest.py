"""A shop with a row of every kind, and people who sign in to its admin."""

import itertools
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import note
from core.models import Job, ServiceHealth
from notifications.models import OutboxMessage
from referrals.models import Referral
from referrals.services import code_of
from subscriptions.models import Subscription
from telegram_bot.models import Update
from tests.factories import make_customer, make_staff, make_subscription, serve
from vpnpanel.models import SyncRun

numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def no_remembered_badges():
    cache.clear()


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


@dataclass
class Life:
    """A customer with a served subscription and one row of everything else."""

    customer: User
    subscription: Subscription
    message: OutboxMessage
    update: Update


def live(*, inviter: User | None = None, **message: object) -> Life:
    number = next(numbers)
    customer = make_customer()
    subscription = make_subscription(customer)
    account = serve(subscription)
    SyncRun.objects.create(panel=account.panel)
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
    return Life(customer, subscription, told, update)


@pytest.fixture
def queries():
    """Collect the queries of a block: `with queries() as seen`."""
    return lambda: CaptureQueriesContext(connection)


@pytest.fixture
def life(db) -> Life:
    return live()
